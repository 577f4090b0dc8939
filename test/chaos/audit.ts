import type { BusinessRow } from './business.ts'
import type { EffectValue, Line } from './history.ts'
import { LEASE_MS } from './plan.ts'

export interface Violation {
  readonly rule: 'double' | 'lost' | 'stuck' | 'answers differ' | 'lease not kept' | 'unexpected'
  readonly key: string
  readonly message: string
}

export interface Findings {
  readonly violations: readonly Violation[]
  readonly counts: Readonly<Record<Count, number>>
}

export const COUNTS = [
  'keys',
  'calls',
  'executed',
  'replayed',
  'refused',
  'takeovers',
  'leases lost',
  'runs repeated',
] as const
export type Count = (typeof COUNTS)[number]

/** What a call may come to while servers die; everything else is a violation. */
const EXPECTED = ['in-flight', 'planned', 'STORE_UNAVAILABLE', 'LEASE_LOST', 'OUTCOME_UNKNOWN']
/** Fences are microseconds of the store's clock; deadlines may be kept in milliseconds. */
const ROUNDING_MICROS = 1_000

const nameOf = ({ owner, fence }: EffectValue) => `${owner}/${fence}`

/** One key at a time: everything that was asked, done and answered, against what must hold. */
export function audit(lines: readonly Line[], rows: readonly BusinessRow[]): Findings {
  const violations: Violation[] = []
  const rowsOf = groupedByKey(rows)
  const byKey = groupedByKey(lines)
  for (const { message } of ofKind(byKey.get('') ?? [], 'crash'))
    violations.push({ rule: 'unexpected', key: '', message: `a worker ended: ${message}` })
  byKey.delete('')
  for (const key of rowsOf.keys()) if (!byKey.has(key)) byKey.set(key, [])
  let repeated = 0
  for (const [key, history] of byKey) {
    const effects = key.startsWith('atomic') ? (rowsOf.get(key) ?? []) : ofKind(history, 'effect')
    const say = (rule: Violation['rule'], message: string) => violations.push({ rule, key, message })
    if (key.startsWith('atomic')) {
      if (effects.length > 1) say('double', `${effects.length} effects committed: ${effects.map(nameOf).join(', ')}`)
    } else repeated += judgeRuns(effects, say)
    judgeAnswers(history, effects, say)
  }
  const of = (kind: Line['kind']) => lines.filter((line) => line.kind === kind).length
  const how = (word: string) => ofKind(lines, 'answer').filter((line) => line.how === word).length
  const events = (type: string) => ofKind(lines, 'event').filter((line) => line.type === type).length
  return {
    violations,
    counts: {
      keys: byKey.size,
      calls: of('ask'),
      executed: how('executed'),
      replayed: how('replayed'),
      refused: of('refused'),
      takeovers: events('abandoned'),
      'leases lost': events('lease-lost'),
      'runs repeated': repeated,
    },
  }
}

type Say = (rule: Violation['rule'], message: string) => void

/** Leased: a run may be repeated, when the lease of the one before was over. Answers how many were. */
function judgeRuns(effects: readonly EffectValue[], say: Say): number {
  const runs = effects.toSorted((a, b) => a.fence - b.fence)
  for (const [index, run] of runs.entries()) {
    const before = runs[index - 1]
    if (before === undefined) continue
    const after = run.fence - before.fence
    if (after <= 0) say('lease not kept', `two runs have the fence ${run.fence}`)
    else if (run.attempt <= 1) say('double', `run ${nameOf(run)} was told that nobody had been there before it`)
    else if (after < LEASE_MS * 1_000 - ROUNDING_MICROS)
      say('lease not kept', `run ${nameOf(run)} began ${after} µs after ${nameOf(before)}, whose lease was not over`)
  }
  return Math.max(0, runs.length - 1)
}

function judgeAnswers(history: readonly Line[], effects: readonly EffectValue[], say: Say): void {
  const answers = ofKind(history, 'answer')
  const told = new Set(answers.map(({ value }) => JSON.stringify(value)))
  if (told.size > 1) say('answers differ', `callers were told ${[...told].join(' and ')}`)
  const done = new Set(effects.map(nameOf))
  for (const value of told)
    if (!done.has(nameOf(JSON.parse(value)))) say('lost', `callers were told ${value}, and no such effect is there`)
  for (const { why, message } of ofKind(history, 'refused'))
    if (!EXPECTED.includes(why)) say('unexpected', `a call came to ${why}: ${message}`)
  const record = ofKind(history, 'record').at(-1)
  if (record === undefined || record.state !== 'done' || answers.length === 0)
    say('stuck', `it never ended: the record is ${record?.state ?? 'not known'}, ${answers.length} answers`)
  else if (!told.has(JSON.stringify(record.value)))
    say('answers differ', `the record says ${JSON.stringify(record.value)}, callers were told ${[...told].join(', ')}`)
}

function ofKind<Kind extends Line['kind']>(lines: readonly Line[], kind: Kind): Extract<Line, { kind: Kind }>[] {
  return lines.filter((line): line is Extract<Line, { kind: Kind }> => line.kind === kind)
}

function groupedByKey<T extends { readonly key: string }>(all: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const one of all) {
    const group = groups.get(one.key)
    if (group === undefined) groups.set(one.key, [one])
    else group.push(one)
  }
  return groups
}
