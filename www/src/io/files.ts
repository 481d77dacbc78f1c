/** All the ways an image comes in. */
import { onClick } from "../page/dom.ts";
import { connectAddress } from "./address.ts";
import { connectCamera } from "./camera.ts";
import { connectIntake, type Intake } from "./intake.ts";

export function openFiles(intake: Intake): void {
  connectIntake(intake);
  onClick(
    "from-camera",
    connectCamera((blob, name) => intake.onImage(blob, name, true)),
  );
  onClick(
    "from-address",
    connectAddress((blob, name) => intake.onImage(blob, name, true)),
  );
}
