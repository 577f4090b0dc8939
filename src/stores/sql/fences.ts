/**
 * The largest fence granted to this process inside a transaction. If that is rolled back, no record of the fence stays,
 * while the effect may have sent it downstream. Memory is enough: another process gets a later microsecond from the
 * server's clock.
 */
export interface HandedFences {
  readonly floor: number
  handedOut(fence: number): void
}

export function createHandedFences(): HandedFences {
  let floor = 0
  return {
    get floor() {
      return floor
    },
    handedOut(fence) {
      floor = Math.max(floor, fence)
    },
  }
}
