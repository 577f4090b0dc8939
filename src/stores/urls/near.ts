/** The name that `given` was probably meant to be: another spelling of it, or one or two letters away. */
export function nearest(given: string, names: readonly string[]): string | undefined {
  return names.find((name) => {
    const [a, b] = [plain(given), plain(name)]
    return distance(a, b) <= (b.length < 5 ? 1 : 2)
  })
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[_-]/g, '')
}

/** How many letters have to be put in, left out or changed (Levenshtein). */
function distance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (const [row, letter] of [...a].entries()) {
    const line = [row + 1]
    for (let at = 0; at < b.length; at++) {
      const change = (above[at] ?? 0) + (letter === b[at] ? 0 : 1)
      line.push(Math.min(change, (above[at + 1] ?? 0) + 1, (line[at] ?? 0) + 1))
    }
    above = line
  }
  return above[b.length] ?? 0
}
