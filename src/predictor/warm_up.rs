//! Compiles a GPU's kernels before they are needed.

use burn::tensor::Tensor;

use super::encoded_prompt::EncodedPrompt;
use super::{Encoding, ImageEmbedding, Predictor, SegmentOptions};
use crate::geometry::Geometry;
use crate::model::prompt_encoder::{SparsePoint, TokenKind};
use crate::{SamError, ops};

/// What the first click and the first encode would wait for, one step at a time: the decoder's kernels, then the encoder's.
/// Nothing is computed. The CPU has nothing to compile, so there the steps do nothing.
#[derive(Debug)]
pub struct WarmUp {
    image: ImageEmbedding,
    encoding: Encoding,
    /// Whether there is anything to compile.
    on_gpu: bool,
    done: usize,
    total: usize,
}

/// Forms of prompts whose kernels differ: a click, a click on an earlier answer, two prompts at once.
const FORMS: [Form; 3] =
    [Form { prompts: 1, mask: false }, Form { prompts: 1, mask: true }, Form { prompts: 2, mask: false }];

/// Of a mask that a GPU makes.
const MASK_SIZE: [usize; 2] = [1024; 2];

#[derive(Debug, Clone, Copy)]
struct Form {
    prompts: usize,
    mask: bool,
}

impl WarmUp {
    pub(super) fn new(predictor: &Predictor) -> Result<Self, SamError> {
        let config = &predictor.model.config;
        let (side, cells) = (config.image_size(), config.embedding_size());
        let geometry = Geometry::new(side, side, side)?;
        let (features, input) = ops::compile(|| {
            let features = Tensor::empty([1, cells, cells, config.decoder.dim], &predictor.device);
            (features, Tensor::empty([1, side, side, 3], &predictor.device))
        });
        let on_gpu = ops::is_on_gpu(&input);
        let image = ImageEmbedding::new(predictor.clone(), features, geometry);
        let encoding = Encoding::new(predictor.clone(), input, geometry);
        Ok(Self { total: FORMS.len() + encoding.total(), image, encoding, on_gpu, done: 0 })
    }

    /// Leaves the encoder out.
    #[must_use]
    pub fn of_decoder(mut self) -> Self {
        self.total = self.total.min(FORMS.len());
        self
    }

    /// Steps done.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Steps in all.
    pub fn total(&self) -> usize {
        self.total
    }

    /// One step; true after the last.
    ///
    /// # Errors
    /// [`SamError::DeviceLost`].
    pub async fn step(&mut self) -> Result<bool, SamError> {
        let predictor = self.image.predictor.clone();
        let shared = predictor.shared().await?;
        match FORMS.get(self.done) {
            _ if !self.on_gpu || self.done == self.total => (),
            Some(form) => {
                let prompts = form.prompts(&self.image.geometry());
                let rendering =
                    self.image.rendering(&SegmentOptions { size: Some(MASK_SIZE), ..Default::default() })?;
                let request = self.image.request(true, Some(&rendering));
                ops::compile(|| drop(self.image.launch(shared, &prompts, &request)));
            }
            None => ops::compile(|| {
                self.encoding.step();
                drop(self.encoding.probe());
            }),
        }
        // A browser only queues what is to be compiled. One number read back is behind it in the queue: when it is here, so are
        // the kernels, or the error of one that the driver refuses.
        super::read(ops::from_values(vec![0.0f32], [1], &predictor.device)).await?;
        self.done = (self.done + 1).min(self.total);
        Ok(self.done == self.total)
    }
}

impl Form {
    fn prompts(self, geometry: &Geometry) -> Vec<EncodedPrompt> {
        let point = |kind| SparsePoint { position_in_input: [0.0; 2], kind };
        let prompt = || EncodedPrompt {
            points: vec![point(TokenKind::Foreground), point(TokenKind::NotAPoint)],
            tokens: Vec::new(),
            mask: self.mask.then(|| vec![0.0; geometry.low_res_size().pow(2)]),
        };
        (0..self.prompts).map(|_| prompt()).collect()
    }
}
