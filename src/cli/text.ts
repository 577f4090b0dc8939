/**
 * Characters that a terminal interprets, or that disguise text: controls (C0, DEL, C1), bidirectional marks, line
 * separators, characters without a shape of their own, blanks that look like others, lone surrogates.
 */
const HOSTILE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
  /[\u0000-\u001f\u007f-\u00a0\u2028\u2029\ufff9-\ufffb]|(?! )\p{Space_Separator}|\p{Default_Ignorable_Code_Point}|\p{Surrogate}|\p{Bidi_Control}/gu

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Escapes text from a store to one harmless line. Backslashes are doubled, so that different keys never look alike. */
export function printable(text: string): string {
  return text.replaceAll('\\', '\\\\').replace(HOSTILE, (char) => SHORT[char] ?? escaped(char))
}

/** As `printable`, for our own messages that quote foreign text: newlines and backslashes stay. */
export function printableLines(text: string): string {
  return text.replace(HOSTILE, (char) => (char === '\n' ? char : escaped(char)))
}

/** Returns JSON on one line that is safe to show: also escapes what JSON does not, and parses to the same value. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(HOSTILE, escaped)
}

function escaped(char: string): string {
  return Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join(
    '',
  )
}

const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u
const ZERO_WIDTH = /[\p{Mn}\p{Me}]/u

/** Estimates how many columns a terminal uses for a text; terminals differ. */
export function widthOf(text: string): number {
  let width = 0
  for (const char of text) width += ZERO_WIDTH.test(char) ? 0 : WIDE.test(char) ? 2 : 1
  return width
}

export function padded(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const fill = ' '.repeat(Math.max(0, width - widthOf(text)))
  return align === 'left' ? text + fill : fill + text
}

/** `3 records`, `1 record`. */
export function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}
