/**
 * The largest fence that this process was given inside a transaction, which may still be undone: then no record of it
 * stays, while the effect may have sent it to somebody. Memory is enough, since another process gets a later microsecond
 * from the server's clock.
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
