/**
 * Matches every number that JavaScript may round, and some other text. A double keeps every decimal number of 15
 * digits; an exponent may be out of range, and the canonical form writes `-0` as `0`.
 */
export const MAY_BE_ROUNDED = /(?:^|[\s,:[])(?:-0|-?(?:[\d.]{16}|[\d.]{1,15}e))/i

/** Whether JavaScript reads a JSON number exactly, without rounding it. */
export function isExact(token: string): boolean {
  const read = String(Number(token))
  return token === read || plain(token) === plain(read)
}

const PARTS = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i

/** Returns the normal form of a decimal number: sign, digits without leading and trailing zeros, power of ten. */
function plain(token: string): string | undefined {
  const [all, sign, whole = '', fraction = '', power = '0'] = PARTS.exec(token) ?? []
  if (all === undefined) return undefined
  const digits = whole + fraction
  let [from, to] = [0, digits.length]
  // Not by a regular expression: on a long run of zeros it would take quadratic time.
  while (digits[from] === '0') from++
  while (to > from && digits[to - 1] === '0') to--
  if (from === to) return `${sign}0`
  return `${sign}${digits.slice(from, to)}e${Number(power) + whole.length - from}`
}
