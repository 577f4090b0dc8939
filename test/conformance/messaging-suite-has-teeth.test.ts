import { describe, expect, it } from 'vitest'
import {
  consumerCases,
  consumerConformance,
  type MessagingCase,
  publisherCases,
  runMessagingCase,
} from '../../src/testing/index.ts'
import type { BrokenAdapter } from './messaging/broken-adapter.ts'
import { BROKEN_CONSUMERS } from './messaging/broken-consumers.ts'
import { BROKEN_PUBLISHERS } from './messaging/broken-publishers.ts'
import { embeddedHarness } from './messaging/embedded-harness.ts'

const LONG = { timeout: 60_000 }
const sound = embeddedHarness()
/** A case that waits in vain need not do so for a minute. */
const IMPATIENT = { patienceMs: 5_000 }

function caseNamed(name: string): MessagingCase {
  const found = [...consumerCases, ...publisherCases].find((one) => one.name === name)
  if (found === undefined) throw new Error(`there is no case ${name}`)
  return found
}

const passes = (name: string, { harness }: Pick<BrokenAdapter, 'harness'>) =>
  runMessagingCase(caseNamed(name), { ...sound, ...harness }).then(
    () => true,
    () => false,
  )

/** The cases that do not notice it: on a machine that stands still for a moment a case may look too early, so it looks again. */
async function unnoticedBy({ caughtBy, harness }: BrokenAdapter, tries = 3): Promise<readonly string[]> {
  const impatient = { ...harness, ...IMPATIENT }
  const unnoticed = await Promise.all(
    caughtBy.map(async (name) => ((await passes(name, { harness: impatient })) ? [name] : [])),
  )
  const left = unnoticed.flat()
  if (left.length === 0 || tries === 1) return left
  return unnoticedBy({ caughtBy: left, harness, what: '' }, tries - 1)
}

const ALL = [...BROKEN_CONSUMERS, ...BROKEN_PUBLISHERS]

describe('the conformance suites of messaging', () => {
  it.concurrent.for([...new Set(ALL.flatMap(({ caughtBy }) => caughtBy))])(
    'pass a sound adapter, so that the failures below are the defects: %s',
    LONG,
    async (name, { expect }) => {
      expect(await passes(name, { harness: {} })).toBe(true)
    },
  )

  it.concurrent.for(BROKEN_CONSUMERS)('notice a consumer that $what', LONG, async (broken, { expect }) => {
    expect(await unnoticedBy(broken)).toEqual([])
  })

  it.concurrent.for(BROKEN_PUBLISHERS)('notice a publisher that $what', LONG, async (broken, { expect }) => {
    expect(await unnoticedBy(broken)).toEqual([])
  })

  it('have cases with names of their own', () => {
    const names = [...consumerCases, ...publisherCases].map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })
})

describe('consumerConformance', () => {
  const run = (skip: Record<string, string>) => {
    const ran: string[] = []
    const skipped: string[] = []
    const runner = Object.assign((name: string) => void ran.push(name), {
      skip: (name: string) => void skipped.push(name),
    })
    consumerConformance('x', { ...sound, skip }, { describe: (_name, body) => body(), it: runner })
    return { ran, skipped }
  }
  const known = (consumerCases[0] as MessagingCase).name

  it('hands every case to the runner once, and leaves out by name what the broker lacks', () => {
    const { ran, skipped } = run({})
    expect(ran.length + skipped.length).toBe(consumerCases.length)
    expect(skipped.some((one) => one.endsWith('(skipped: the broker has no coordinates)'))).toBe(true)
    expect(skipped.some((one) => one.endsWith('(skipped: the harness has no worker file)'))).toBe(true)
  })

  it('shows the reason for what it is told to leave out', () => {
    expect(run({ [known]: 'no such thing here' }).skipped[0]).toContain('(skipped: no such thing here)')
  })

  it('refuses to skip a case that does not exist, or without a reason', () => {
    expect(() => run({ 'no such case': 'why' })).toThrow('"no such case"')
    expect(() => run({ [known]: ' ' })).toThrow('no reason')
  })
})
