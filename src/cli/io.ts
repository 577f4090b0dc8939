import picocolors from 'picocolors'

/** Input and output of a command: results go to `stdout`, all other messages to `stderr`. */
export interface Io {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isTTY: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean }
  /** Shows the question and returns one line, '' at the end of input. Rejects with exit code 130 on Ctrl-C. */
  ask(question: string): Promise<string>
}

export interface Output {
  write(text: string): unknown
  readonly columns?: number | undefined
}

export type Colors = ReturnType<typeof picocolors.createColors>

export function colorsOf(io: Io, stream: 'stdout' | 'stderr'): Colors {
  return picocolors.createColors(wantsColor(io, stream))
}

/** NO_COLOR counts when it is not empty (no-color.org) and wins over FORCE_COLOR. */
export function wantsColor({ env, isTTY }: Pick<Io, 'env' | 'isTTY'>, stream: 'stdout' | 'stderr'): boolean {
  if ((env.NO_COLOR ?? '') !== '') return false
  const forced = env.FORCE_COLOR ?? ''
  if (forced !== '') return forced !== '0' && forced !== 'false'
  return isTTY[stream] && env.TERM !== 'dumb'
}

export function line(out: Output, text = ''): void {
  out.write(`${text}\n`)
}
