"use client";

import { useEffect, useState } from "react";
import { Sam } from "burn-sam";

export default function Segment() {
  const [answer, setAnswer] = useState("");

  useEffect(() => {
    const controller = new AbortController();
    segment(controller.signal).then(
      (result) => setAnswer(result),
      (error) => controller.signal.aborted || setAnswer(`${error.code}: ${error.message}`),
    );
    return () => controller.abort();
  }, []);

  useEffect(() => {
    if (answer !== "") document.title = answer;
  }, [answer]);

  return <p>{answer}</p>;
}

async function segment(signal) {
  const sam = await Sam.load({ device: "cpu", signal });
  try {
    const image = await sam.encode("/scene.png", { signal });
    const [best] = await image.segment({ points: [{ x: 92.5, y: 128.25 }] }, { signal });
    return `${sam.info.model} ${sam.info.device}: area ${best.area}, score ${best.score.toFixed(5)}`;
  } finally {
    sam.free();
  }
}
