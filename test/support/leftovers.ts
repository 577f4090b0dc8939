import { afterEach } from 'vitest'

const leftovers: (() => unknown)[] = []

afterEach(async () => {
  for (const tidy of leftovers.splice(0).reverse()) await tidy()
})

/** Runs `tidy` when the test is over; last in, first out. */
export const later = (tidy: () => unknown) => void leftovers.push(tidy)

/** Registers what closes `opened` when the test is over. */
export function tidily<T>(opened: T, close: (opened: T) => unknown): T {
  later(() => close(opened))
  return opened
}
