/** Writes to stderr, for the person at the terminal. */
export function say(text: string): void {
  process.stderr.write(`onlyonce demo: ${text}\n`)
}
