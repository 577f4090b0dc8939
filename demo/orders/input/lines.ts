export interface Line {
  /** Starts at 1. */
  readonly number: number
  /** `undefined` when the line cannot be used; `problem` says why. */
  readonly text: string | undefined
  readonly problem?: string
}

/** Far more than an order needs; a longer line is skipped without being held in memory. */
const MAX_LINE_BYTES = 65_536
const NEWLINE = 0x0a

/**
 * Splits bytes into lines ended by LF or CRLF. A byte order mark at the start is dropped. A line that is too long or
 * not UTF-8 comes without text; the following lines are not affected.
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let number = 0
  let parts: Uint8Array[] = []
  let bytes = 0

  const add = (part: Uint8Array) => {
    bytes += part.length
    if (bytes <= MAX_LINE_BYTES) parts.push(part)
  }
  const take = (): Line => {
    const tooLong = bytes > MAX_LINE_BYTES
    const raw = Buffer.concat(parts)
    parts = []
    bytes = 0
    number++
    if (tooLong) return { number, text: undefined, problem: `the line is longer than ${MAX_LINE_BYTES} bytes` }
    try {
      const text = decoder.decode(raw).replace(/\r$/, '')
      return { number, text: number === 1 ? text.replace(/^\uFEFF/, '') : text }
    } catch {
      return { number, text: undefined, problem: 'the line is not valid UTF-8' }
    }
  }

  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, end))
      yield take()
      start = end + 1
    }
    add(chunk.subarray(start))
  }
  if (bytes > 0) yield take()
}
