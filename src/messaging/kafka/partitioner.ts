/** Returns the partition for a key, as kafkajs and the Java client do, so that their records and ours are in order. */
export function partitionOf(key: string | Buffer, partitions: number): number {
  return (murmur2(Buffer.from(key as string)) & 0x7fffffff) % partitions
}

const SEED = 0x9747b28c
const M = 0x5bd1e995

const mixed = (value: number, shift: number): number => value ^ (value >>> shift)

function murmur2(data: Buffer): number {
  const whole = data.length & ~3
  let hash = SEED ^ data.length
  for (let at = 0; at < whole; at += 4) {
    const four = Math.imul(mixed(Math.imul(data.readInt32LE(at), M), 24), M)
    hash = Math.imul(hash, M) ^ four
  }
  const rest = data.length - whole
  if (rest > 0) hash = Math.imul(hash ^ data.readUIntLE(whole, rest), M)
  return mixed(Math.imul(mixed(hash, 13), M), 15)
}
