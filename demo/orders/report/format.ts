/** £8,911,407.90 */
export function money(pence: number): string {
  const pounds = Math.trunc(Math.abs(pence) / 100).toLocaleString('en-GB')
  return `${pence < 0 ? '-' : ''}£${pounds}.${String(Math.abs(pence) % 100).padStart(2, '0')}`
}

/** Says how far `pence` is from the expected amount. */
export function moneyOff(pence: number, expected: number): string {
  const off = pence - expected
  if (off === 0) return 'to the penny'
  return off > 0 ? `${money(off)} too much` : `${money(-off)} too little`
}

export function count(value: number): string {
  return value.toLocaleString('en-GB')
}

/** `1 order`, `2 orders` */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}
