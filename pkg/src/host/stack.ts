/**
 * Was a wasm function on this stack (`error.stack`)? Chromium and Firefox write "wasm-function[7]" into such a line,
 * Safari "[wasm code]".
 */
export function passesThroughWasm(stack: string | undefined): boolean {
  return stack !== undefined && /wasm-function\[|\[wasm code\]/.test(stack);
}
