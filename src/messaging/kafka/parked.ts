/** Kafka allows 4,096 bytes of metadata with an offset. Messages that do not fit in are put aside once more. */
const MAX_LENGTH = 2_000

/**
 * Returns, as commit metadata, the offsets from `position` on whose messages were put aside. They are valid only with
 * that position: tools that copy groups to another cluster change the offset but not the metadata.
 */
export function parkedText(position: bigint, parked: Iterable<bigint>): string {
  let text = ''
  for (const offset of parked) {
    if (offset < position) continue
    const longer = text === '' ? `${position}+${offset - position}` : `${text},${offset - position}`
    if (longer.length > MAX_LENGTH) break
    text = longer
  }
  return text
}

export function parkedFrom(position: bigint, text = ''): Set<bigint> {
  const [from, list = ''] = text.split('+')
  if (from !== String(position)) return new Set()
  return new Set(list.split(',').map((one) => position + BigInt(one)))
}
