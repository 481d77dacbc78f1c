/** Buttons that open a small menu beside them. */
import { byId } from "./dom.ts";

/** Old browsers have no menus: what is in them is not to be had there. */
const supported = "popover" in HTMLElement.prototype;

export function isMenuOpen(): boolean {
  return supported && document.querySelector(":popover-open") !== null;
}

/** The menu closes when something in it is chosen, by Escape, and by a click elsewhere. */
export function connectMenu(buttonId: string, menuId: string): void {
  const button = byId(buttonId, HTMLButtonElement);
  const menu = byId(menuId, HTMLElement);
  if (!supported) {
    button.hidden = true;
    menu.hidden = true;
    return;
  }
  button.setAttribute("aria-haspopup", "true");
  button.setAttribute("aria-expanded", "false");
  button.setAttribute("aria-controls", menuId);
  button.popoverTargetElement = menu;
  menu.addEventListener("toggle", (event) => {
    const open = event instanceof ToggleEvent && event.newState === "open";
    button.setAttribute("aria-expanded", String(open));
    if (!open) return;
    place(menu, button);
    menu.querySelector<HTMLElement>("button:enabled, input:enabled")?.focus();
  });
  menu.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("button")) menu.hidePopover();
  });
  menu.addEventListener("keydown", (event) => {
    const steps = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (steps === 0 || event.target instanceof HTMLInputElement) return;
    const entries = [...menu.querySelectorAll<HTMLElement>("button:enabled")];
    const at = entries.findIndex((entry) => entry === document.activeElement);
    entries[(at + steps + entries.length) % entries.length]?.focus();
    event.preventDefault();
  });
  addEventListener("resize", () => menu.matches(":popover-open") && menu.hidePopover());
}

/** Below the button or above it, where there is more room, and inside the window. */
function place(menu: HTMLElement, button: HTMLElement): void {
  const near = button.getBoundingClientRect();
  const { offsetWidth, offsetHeight } = menu;
  const gap = 6;
  const below = near.bottom + gap;
  const top = below + offsetHeight <= innerHeight ? below : Math.max(gap, near.top - gap - offsetHeight);
  const left = Math.min(Math.max(gap, near.right - offsetWidth), innerWidth - offsetWidth - gap);
  Object.assign(menu.style, { top: `${top}px`, left: `${left}px` });
}
