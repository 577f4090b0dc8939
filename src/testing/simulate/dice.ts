/** The source of all chance in a schedule: the same seed always gives the same numbers. */
export interface Dice {
  /** Uniform in [0, 1). */
  float(): number
  /** Uniform in 0 … n - 1. */
  below(n: number): number
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
  /** 128 bits in hex. */
  token(): string
}

/** mulberry32, started from a mix of both halves of the seed, so that neighbouring seeds are unrelated. */
export function dice(seed: number): Dice {
  let state = mix(mix(seed >>> 0) ^ Math.floor(seed / 2 ** 32))

  const bits = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const float = () => bits() / 2 ** 32
  const below = (n: number) => Math.floor(float() * n)
  const word = () => {
    const value = bits()
    return `${HEX[value >>> 16]}${HEX[value & 0xffff]}`
  }
  return {
    float,
    below,
    between: (low, high) => low + below(high - low + 1),
    chance: (probability) => probability > 0 && float() < probability,
    pick: (items) => items[below(items.length)] as (typeof items)[number],
    token: () => word() + word() + word() + word(),
  }
}

/** The four hex digits of every 16-bit value: schedules ask for many tokens. */
const HEX: readonly string[] = Array.from({ length: 2 ** 16 }, (_, value) => value.toString(16).padStart(4, '0'))

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
