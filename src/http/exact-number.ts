/**
 * Finds numbers that JavaScript may round, and text that looks like one. A double keeps every decimal number of 15 digits;
 * an exponent may be out of its range, and `-0` is `0` to the canonical form.
 */
export const MAY_BE_ROUNDED = /(?:^|[\s,:[])(?:-0|-?(?:[\d.]{16}|[\d.]{1,15}e))/i

/** Whether a number of JSON is still the same when JavaScript has read it, and not only one near it. */
export function isExact(token: string): boolean {
  const read = String(Number(token))
  return token === read || plain(token) === plain(read)
}

const PARTS = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i

/** One text for one decimal number, however it is written: sign, digits without zeros around them, power of ten. */
function plain(token: string): string | undefined {
  const [all, sign, whole = '', fraction = '', power = '0'] = PARTS.exec(token) ?? []
  if (all === undefined) return undefined
  const digits = whole + fraction
  let [from, to] = [0, digits.length]
  // By hand: a pattern would look at a long row of zeros once for each of them.
  while (digits[from] === '0') from++
  while (to > from && digits[to - 1] === '0') to--
  if (from === to) return `${sign}0`
  return `${sign}${digits.slice(from, to)}e${Number(power) + whole.length - from}`
}
