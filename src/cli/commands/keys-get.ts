import { isLock } from '../../core/key.ts'
import type { ObservedRecord } from '../../core/record.ts'
import { notFound } from '../act.ts'
import { EXIT } from '../exit.ts'
import { colorsOf, type Io, line } from '../io.ts'
import { type ReadableResult, recordJson, resultJson, resultOf, stateOf } from '../record.ts'
import { storeUrl, withStore } from '../store.ts'
import { storeFlag } from '../store-flag.ts'
import { facts } from '../table.ts'
import { requireSame, type TargetOptions, targetOf } from '../target.ts'
import { counted, printable, printableLines, safeJson } from '../text.ts'
import { moment } from '../time.ts'
import { shownValue } from '../value.ts'
import { statePaint } from './keys-ls.ts'

export interface GetOptions extends TargetOptions {
  readonly store?: string
  readonly json?: boolean
  readonly showResult?: boolean
}

/** Values may be private, so they are shown on request only. Exit code 1 if the result cannot be read. */
export async function keysGet(io: Io, options: GetOptions): Promise<number> {
  const target = targetOf(options)
  return withStore(storeUrl(io, options.store), async (store) => {
    const [record] = await store.find([target.id])
    if (record === undefined) throw notFound(target)
    requireSame(target, record)
    const result = resultOf(record)
    const isShown = options.showResult === true || result.kind === 'unreadable'
    if (options.json === true) {
      const known = recordJson(record)
      const kind = known.result as object | null
      line(io.stdout, safeJson({ ...known, result: kind && { ...kind, ...(isShown ? resultJson(result) : {}) } }))
    } else {
      const colors = colorsOf(io, 'stdout')
      const state = statePaint(colors)[stateOf(record)](stateOf(record))
      const pairs = factsOf(record).map(([name, text]) => [name, name === 'state' ? state : text] as const)
      for (const text of facts([...pairs, ['result', resultText(record, result, isShown)]], colors.dim))
        line(io.stdout, text)
    }
    const hint = hintFor(record, options.store)
    if (hint !== undefined) line(io.stderr, colorsOf(io, 'stderr').yellow(hint))
    return result.kind === 'unreadable' ? EXIT.failed : EXIT.ok
  })
}

/** What is known of an operation besides its result, as printable text. */
export function factsOf(record: ObservedRecord): readonly (readonly [string, string])[] {
  const { readAt: now, steps } = record
  return [
    ['key', record.key === undefined ? '(hashed)' : printable(record.key)],
    ['scope', record.scope === undefined ? '(hashed)' : printable(record.scope)],
    ['id', record.id],
    ['state', stateOf(record)],
    ['attempt', String(record.attempt)],
    ['starts', String(record.starts)],
    ['fence', String(record.fence)],
    ['owner', printable(record.owner)],
    ['fingerprint', record.fingerprint === '' ? '(bound to no payload)' : printable(record.fingerprint)],
    ['created', moment(record.createdAt, now)],
    // `leaseUntil` of a settled or released record is the time at which that happened.
    [
      record.state === 'running' ? 'lease until' : record.state === 'done' ? 'settled' : 'released',
      moment(record.leaseUntil, now),
    ],
    ['kept until', moment(record.retainUntil, now)],
    ...(steps.length === 0 ? [] : [['steps', steps.map(({ name }) => printable(name)).join(', ')] as const]),
  ]
}

function resultText({ result }: ObservedRecord, read: ReadableResult, isShown: boolean): string {
  if (result === undefined) return '-'
  const size = `${result.kind}, ${counted(result.body.length, 'byte')}`
  switch (read.kind) {
    case 'none':
      return 'waits for a decision'
    case 'unreadable':
      return `${size}, cannot be read: ${printableLines(read.reason)}`
    case 'value':
      return isShown ? `${size}\n${shownValue(read.value)}` : `${size} (hidden: add --show-result)`
    case 'error':
      return isShown ? `${size}\n${shownValue(read.error)}` : `${size} (hidden: add --show-result)`
  }
}

/** By id, so that no key has to be quoted for a shell. Two commands: pasting them as one would decide on the first. */
function hintFor(record: ObservedRecord, flag: string | undefined): string | undefined {
  const state = stateOf(record)
  if ((state !== 'abandoned' && state !== 'unknown') || isLock({ scope: record.scope ?? '' })) return undefined
  const decide = (what: string) => `npx onlyonce keys resolve --id ${record.id} --${what}${storeFlag(flag)}`
  return `The effect may or may not have happened. If it did, decide with: ${decide('happened')}
If it did not, decide with: ${decide('did-not-happen')}`
}
