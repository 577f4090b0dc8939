/** Returns a function that tells whether an error, or one of its causes, means that the connection is lost. */
export function lostBy(faultOf: (error: unknown) => string): (error: unknown) => boolean {
  return (error) => {
    for (let at: unknown = error, depth = 0; typeof at === 'object' && at !== null && depth < 8; depth++) {
      if (faultOf(at) === 'lost') return true
      at = (at as { cause?: unknown }).cause
    }
    return false
  }
}
