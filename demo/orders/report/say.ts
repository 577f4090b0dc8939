/** To the person at the terminal, beside the result. */
export function say(text: string): void {
  process.stderr.write(`onlyonce demo: ${text}\n`)
}
