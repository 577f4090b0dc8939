import { afterEach } from 'vitest'

const leftovers: (() => unknown)[] = []

afterEach(async () => {
  for (const tidy of leftovers.splice(0).reverse()) await tidy()
})

/** Runs `tidy` when the test is over, the last one first. */
export const later = (tidy: () => unknown) => void leftovers.push(tidy)

/** Closes what was opened for a test when the test is over. */
export function tidily<T>(opened: T, close: (opened: T) => unknown): T {
  later(() => close(opened))
  return opened
}
