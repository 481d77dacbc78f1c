// A photo, a click, an outline.
import { useEffect, useState } from "react";
import { Sam, toSvgPath } from "burn-sam";

export function App() {
  const [status, setStatus] = useState("Loading the model…");
  const [sam, setSam] = useState(null);
  const [photo, setPhoto] = useState(null);
  const [image, setImage] = useState(null);
  const [mask, setMask] = useState(null);
  const fail = (error) => setStatus(`${error.code ?? error.name}: ${error.message}`);

  // In strict mode React runs this twice: the first model is let go before it is there.
  useEffect(() => {
    const controller = new AbortController();
    const loading = Sam.load({ signal: controller.signal });
    loading.then(setSam).then(
      () => setStatus("Choose a photo."),
      (error) => controller.signal.aborted || fail(error),
    );
    return () => {
      controller.abort();
      loading.then(
        (sam) => sam.free(),
        () => undefined,
      );
    };
  }, []);

  useEffect(() => {
    if (sam === null || photo === null) return;
    const controller = new AbortController();
    setStatus("Looking at the photo…");
    const encoding = sam.encode(photo.file, { signal: controller.signal });
    encoding.then(setImage).then(
      () => setStatus("Click an object."),
      (error) => controller.signal.aborted || fail(error),
    );
    return () => {
      controller.abort();
      encoding.then(
        (image) => image.free(),
        () => undefined,
      );
      URL.revokeObjectURL(photo.url);
      setImage(null);
      setMask(null);
    };
  }, [sam, photo]);

  const click = ({ nativeEvent: { offsetX, offsetY }, currentTarget }) => {
    const scale = image.width / currentTarget.clientWidth;
    const points = [{ x: offsetX * scale, y: offsetY * scale }];
    image.segment({ points }, { latest: true }).then(
      ([best]) => setMask(best),
      // A newer click, or another photo, has taken its place.
      (error) => error.code === "superseded" || error.code === "disposed" || fail(error),
    );
  };

  const choose = ({ target: { files } }) =>
    files[0] && setPhoto({ file: files[0], url: URL.createObjectURL(files[0]) });
  return (
    <>
      <p role="status">{status}</p>
      <input type="file" accept="image/*" aria-label="Photo" disabled={sam === null} onChange={choose} />
      <div style={{ position: "relative", width: "fit-content" }}>
        {photo && (
          <img src={photo.url} alt="" onClick={image && click} style={{ display: "block", maxWidth: "100%" }} />
        )}
        {mask && (
          <svg
            viewBox={`0 0 ${mask.width} ${mask.height}`}
            style={{ position: "absolute", inset: 0, pointerEvents: "none" }}
          >
            <path d={toSvgPath(mask, { tolerance: 1 })} fill="#06f8" />
          </svg>
        )}
      </div>
    </>
  );
}
