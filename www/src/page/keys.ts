/** The keys of this page → what they do. `page/shortcuts.ts` listens to them. */
import type { StageGestures } from "../stage/gestures.ts";
import type { Stage } from "../stage/stage.ts";
import type { Action, State, Tool } from "../state/state.ts";
import { openDialog } from "./dialogs.ts";
import { byId } from "./dom.ts";
import { connectShortcuts } from "./shortcuts.ts";

export interface KeyActions {
  undo(): void;
  redo(): void;
  escape(): void;
  everything(): void;
  copy(): void;
  rename(): void;
  /** The object `steps` further down the list. */
  select(steps: number): void;
  brush(factor: number): void;
  state(): State;
  dispatch(action: Action): void;
  keysOn(): boolean;
  readonly gestures: StageGestures;
  readonly stage: Stage;
}

export function connectKeys(actions: KeyActions): void {
  const { dispatch, gestures } = actions;
  const tool = (tool: Tool) => () => dispatch({ type: "tool", tool });
  const choose = (index: number) => () => dispatch({ type: "choose", index });
  const active = (type: "delete" | "hide") => () => dispatch({ type, id: actions.state().history.present.active });
  const withImage = (run: () => void) => () => {
    if (actions.state().image !== "none") run();
  };
  connectShortcuts({
    undo: actions.undo,
    redo: actions.redo,
    escape: actions.escape,
    enabled: actions.keysOn,
    keys: {
      first: choose(0),
      second: choose(1),
      third: choose(2),
      add: tool("add"),
      remove: tool("remove"),
      box: tool("box"),
      brush: tool("brush"),
      erase: tool("erase"),
      smaller: () => actions.brush(1 / 1.2),
      larger: () => actions.brush(1.2),
      new: withImage(() => dispatch({ type: "new" })),
      delete: withImage(active("delete")),
      hide: withImage(active("hide")),
      next: () => actions.select(1),
      previous: () => actions.select(-1),
      rename: withImage(actions.rename),
      everything: withImage(actions.everything),
      copy: withImage(actions.copy),
      open: () => byId("file", HTMLInputElement).click(),
      zoomIn: () => gestures.zoomIn(),
      zoomOut: () => gestures.zoomOut(),
      fit: () => actions.stage.fit(),
      help: () => openDialog("help-dialog"),
    },
  });
}
