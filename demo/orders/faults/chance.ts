/** Returns a number in [0, 1) that depends only on the arguments: the same in both runs and in every process. */
export function chance(seed: number, ...about: readonly (string | number)[]): number {
  let hash = 0x811c9dc5 ^ seed
  for (const char of about.join('\0')) {
    hash = Math.imul(hash ^ (char.codePointAt(0) as number), 0x01000193)
  }
  // FNV alone gives similar values for similar inputs; this is the finalizer of MurmurHash3.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000
}
