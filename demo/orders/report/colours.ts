export interface Colours {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
}

/** Colours only on a terminal. NO_COLOR, unless empty, wins over FORCE_COLOR (no-color.org). */
export function coloursFor(stream: { readonly isTTY?: boolean | undefined }, env: NodeJS.ProcessEnv): Colours {
  const forced = (env.FORCE_COLOR ?? '') !== '' && env.FORCE_COLOR !== '0'
  const wanted = (env.NO_COLOR ?? '') === '' && (forced || (stream.isTTY === true && env.TERM !== 'dumb'))
  const paint = (open: number, close: number) => (text: string) =>
    wanted ? `\u001B[${open}m${text}\u001B[${close}m` : text
  return { bold: paint(1, 22), dim: paint(2, 22), good: paint(32, 39), bad: paint(31, 39) }
}
