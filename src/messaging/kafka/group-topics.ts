import type { KafkaAdmin } from './client.ts'

/**
 * Returns an error if another member of the group consumes other topics. A leader that is kafkajs shares out the topics
 * that it consumes itself, among all members: what only others consume is given to nobody, and nobody is told.
 */
export async function otherTopicsOf(
  admin: Pick<KafkaAdmin, 'describeGroups'>,
  groupId: string,
  topics: readonly string[],
): Promise<Error | undefined> {
  const { groups } = await admin.describeGroups([groupId])
  const ours = listed(topics)
  for (const { memberMetadata } of groups.flatMap(({ members }) => members)) {
    const theirs = listed(topicsIn(memberMetadata))
    if (theirs === ours || theirs === '') continue
    const what = `a member of group ${groupId} consumes ${theirs}, this one ${ours}`
    return new Error(
      `kafka: ${what}: some of it is handed to nobody. Give consumers of other topics another \`groupId\``,
    )
  }
  return undefined
}

const listed = (topics: readonly string[]): string => topics.toSorted().join(', ')

/** Reads the subscription of a member: a version, and a list of topics. */
function topicsIn(metadata: Buffer): readonly string[] {
  // Empty unless the group is stable.
  if (metadata.length < 6) return []
  const topics: string[] = []
  let at = 6
  for (let left = metadata.readInt32BE(2); left > 0; left--) {
    const length = metadata.readInt16BE(at)
    topics.push(metadata.toString('utf8', at + 2, at + 2 + length))
    at += 2 + length
  }
  return topics
}
