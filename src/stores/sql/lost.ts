/** Whether an error, or what it was made of, says that the connection is of no use. What an effect threw does not count. */
export function lostBy(faultOf: (error: unknown) => string): (error: unknown) => boolean {
  return (error) => {
    for (let at: unknown = error, depth = 0; typeof at === 'object' && at !== null && depth < 8; depth++) {
      if (faultOf(at) === 'lost') return true
      at = (at as { cause?: unknown }).cause
    }
    return false
  }
}
