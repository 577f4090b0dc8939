// Bugs planted on purpose, each the kind that somebody has written before. The suite has to notice every one.
// `search` must occur exactly once in its file, so that the list cannot rot; `seeds` is how many schedules it may take.

/** @typedef {{ file: string, search: string, replace: string }} Edit */
/** @typedef {{ name: string, bug: string, edits: readonly Edit[], tests?: readonly string[], seeds?: number }} Mutant */

const lifecycle = 'src/core/lifecycle.ts'
const leased = 'src/core/leased.ts'
const heartbeat = 'src/core/heartbeat.ts'
const memory = 'src/stores/memory/index.ts'

/** @type {readonly Mutant[]} */
export const mutants = [
  {
    name: 'claim-check-then-act',
    bug: 'the claim looks first and writes later, so two callers are granted the same operation',
    edits: [
      {
        file: memory,
        search: '        if (write !== undefined) records.set(write.id, write)\n',
        replace: '        if (write !== undefined) runtime.after(5, () => records.set(write.id, write))\n',
      },
    ],
  },
  {
    name: 'lease-in-a-second-step',
    bug: 'the claim is written without its lease, which follows a moment later',
    edits: [
      {
        file: memory,
        search: '        if (write !== undefined) records.set(write.id, write)\n',
        replace: `        if (write !== undefined) {
          records.set(write.id, { ...write, leaseUntil: runtime.now() })
          runtime.after(5, () => records.set(write.id, write))
        }
`,
      },
    ],
  },
  {
    name: 'complete-without-owner',
    bug: 'anybody may complete a running operation, also an owner that was replaced',
    edits: [
      {
        file: lifecycle,
        search: "  if (!holds(current, lease, now) || current.state === 'idle') return { outcome: 'lost' }",
        replace: "  if (retained(current, now) === undefined || current.state === 'idle') return { outcome: 'lost' }",
      },
    ],
  },
  {
    name: 'effect-before-claim',
    bug: 'the effect runs although the answer to the claim never came',
    edits: [
      {
        file: leased,
        search: "  if (!down || call.options.onStoreDown === 'fail') throw error",
        replace: '  if (!down) throw error',
      },
    ],
  },
  {
    name: 'complete-before-effect',
    bug: 'the operation is written as done, and then the effect runs',
    edits: [
      {
        file: leased,
        search: '        return { value: await effect(op) }',
        replace:
          '        await calls.complete({ lease, result: storedValue(undefined), retentionMs: call.options.retentionMs })\n        return { value: await effect(op) }',
      },
    ],
  },
  {
    name: 'ack-before-commit',
    bug: 'the broker hears ack while the operation is still under way',
    edits: [
      {
        file: 'src/messaging/inbox.ts',
        search: '      const verdict = await Promise.race([attempt(course), givenBack])',
        replace: "      void attempt(course)\n      const verdict: Verdict = { kind: 'ack' }",
      },
    ],
  },
  {
    name: 'fingerprint-unbound-at-release',
    bug: 'after a release the key may be claimed with another payload',
    edits: [
      {
        file: lifecycle,
        search: '  if (known.fingerprint !== request.fingerprint) return',
        replace: "  if (known.state !== 'idle' && known.fingerprint !== request.fingerprint) return",
      },
    ],
  },
  {
    name: 'heartbeat-not-stopped',
    bug: 'the effect ended, its heartbeat goes on',
    edits: [{ file: heartbeat, search: '    this.#stopped = true\n    this.#cancel()', replace: '    // goes on' }],
  },
  {
    name: 'unknown-commit-is-success',
    bug: 'a completion that nobody confirmed is answered as success',
    edits: [
      {
        file: leased,
        search: '    outcome = await completeUntilDefinite(context, call, completion, error)',
        replace: "    outcome = 'ok'",
      },
    ],
  },
  {
    name: 'unknown-commit-is-released',
    bug: 'a completion that nobody confirmed is given back, so the effect runs again',
    edits: [
      {
        file: leased,
        search: '    outcome = await completeUntilDefinite(context, call, completion, error)',
        replace: '    await context.calls.release(lease)\n    throw error',
      },
    ],
  },
  {
    name: 'owner-answers-local-result',
    bug: 'an owner that was replaced answers with its own result instead of the stored one',
    edits: [
      {
        file: leased,
        search: "  if (outcome === 'lost') return afterLoss(context, call, grant)",
        replace: '',
      },
    ],
  },
  {
    name: 'own-claim-not-recognised',
    bug: 'a claim whose answer was lost is busy to its own owner',
    edits: [
      {
        file: lifecycle,
        search: '      if (known.owner === request.owner) return { outcome: granted(known) }\n',
        replace: '',
      },
    ],
  },
  {
    name: 'fence-starts-again',
    bug: 'fences count from one again when the record was removed',
    edits: [
      {
        file: lifecycle,
        search: 'Math.max(known?.fence ?? 0, fenceFloor, Math.floor(now * 1000) - 1) + 1',
        replace: '(known?.fence ?? 0) + 1',
      },
    ],
  },
  {
    name: 'fence-floor-forgotten',
    bug: 'fences come from the clock alone once the record is gone, and the clock is set back',
    edits: [{ file: memory, search: '    fenceFloor = Math.max(fenceFloor, record.fence)\n', replace: '' }],
  },
  {
    name: 'release-forgets-abandoned',
    bug: 'a release wipes out that an earlier owner disappeared half-way',
    edits: [{ file: lifecycle, search: 'const attempt = current.attempt - 1', replace: 'const attempt = 0' }],
  },
  {
    name: 'abandoned-not-noticed',
    bug: 'a takeover runs the effect without asking what became of the first',
    edits: [
      { file: 'src/core/abandoned.ts', search: 'if (attempt === 1) return', replace: 'if (attempt >= 1) return' },
    ],
  },
  {
    name: 'sweep-removes-live',
    bug: 'the sweep does not look whether a record is past its retention',
    edits: [{ file: memory, search: '      if (!isSweepable(record, now)) continue\n', replace: '' }],
  },
  {
    name: 'late-write-revives',
    bug: 'a write that comes after the retention brings the record back',
    edits: [
      { file: lifecycle, search: '  const known = retained(record, now)\n', replace: '  const known = record\n' },
    ],
    seeds: 20_000,
  },
  {
    name: 'lease-by-worker-clock',
    bug: 'whether a lease is over is judged by the clock of the worker that asks',
    edits: [
      {
        file: 'src/core/context.ts',
        search: '    : { id, scope, key, fingerprint, owner, leaseMs, retentionMs }',
        replace: '    : { id, scope, key, fingerprint, owner, leaseMs, retentionMs, now: context.runtime.now() }',
      },
      { file: 'src/core/context.ts', search: '{ options }: EngineContext', replace: 'context: EngineContext' },
      {
        file: 'src/core/context.ts',
        search: "options.keys === 'hashed'",
        replace: "context.options.keys === 'hashed'",
      },
      {
        file: memory,
        search: 'request, runtime.now(), fenceFloor)',
        replace: 'request, request.now ?? runtime.now(), fenceFloor)',
      },
    ],
  },
  {
    name: 'steps-not-saved',
    bug: 'a renewal does not store the steps it brings, so they run again after a takeover',
    edits: [
      {
        file: lifecycle,
        search: 'steps: steps.length > current.steps.length ? steps : current.steps',
        replace: 'steps: current.steps',
      },
    ],
  },
  {
    name: 'repeated-complete-is-lost',
    bug: 'an owner that completes again, because the answer was lost, is told that it lost',
    edits: [
      {
        file: lifecycle,
        search: "  if (current.state === 'done' && !resolved) return { outcome: 'ok' }",
        replace: "  if (current.state === 'done' && !resolved) return { outcome: 'lost' }",
      },
    ],
  },
  {
    name: 'hung-effect-heartbeats-for-ever',
    bug: 'maxRunMs does not end the heartbeat, so a hung effect holds its key for ever',
    edits: [
      { file: heartbeat, search: "    if (sentAt >= askedAt + maxRunMs) return this.#lost('max-run')\n", replace: '' },
      { file: heartbeat, search: 'Math.min(leaseMs / 3, askedAt + maxRunMs - now)', replace: 'leaseMs / 3' },
    ],
  },
  {
    name: 'scopes-run-together',
    bug: 'scope and key are joined without their lengths, so ("s", "ab") and ("sa", "b") are one operation',
    edits: [
      {
        file: 'src/core/key.ts',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source text
        search: '`${Buffer.byteLength(scope)}:${scope}${Buffer.byteLength(key)}:${key}`',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source text
        replace: '`${scope}${key}`',
      },
    ],
  },
  {
    name: 'uncommitted-payload-binds',
    bug: 'a duplicate is told mismatch because of a claim that was never committed',
    edits: [{ file: 'src/core/joining.ts', search: ' && !flight.tentative', replace: '' }],
    seeds: 20_000,
  },
  {
    name: 'ambiguous-commit-is-success',
    bug: 'a COMMIT whose answer was lost counts as committed without a look at the record',
    edits: [
      {
        file: 'src/core/atomic.ts',
        search:
          "      if (record?.owner === owner && record.fence === reached.fence && record.state === 'done') return reached",
        replace: '      return reached',
      },
    ],
  },
  {
    name: 'relay-passes-a-failed-entry',
    bug: 'the relay publishes on behind an entry of the same ordering key that has to wait',
    edits: [
      {
        file: 'src/outbox/waves.ts',
        search: '    if (orderingKey !== undefined) taken.add(orderingKey)\n    if (!waits(entry)) wave.push(entry)',
        replace:
          '    if (waits(entry)) continue\n    if (orderingKey !== undefined) taken.add(orderingKey)\n    wave.push(entry)',
      },
    ],
    seeds: 20_000,
  },
  {
    name: 'relay-without-lease',
    bug: 'the relay goes on to publish without asking whether it still holds the lease',
    edits: [
      {
        file: 'src/outbox/relay.ts',
        search: '      if (waves > 0 && (await inTime(table.take(',
        replace: '      if (waves < 0 && (await inTime(table.take(',
      },
    ],
  },
  {
    name: 'relay-waits-for-ever',
    bug: 'a store that does not answer the relay stops it for good',
    edits: [
      {
        file: 'src/outbox/relay.ts',
        search: '    timeLimit(runtime, asked, leaseMs, () =>',
        replace: '    asked ?? (() =>',
      },
    ],
  },
  {
    name: 'effect-starts-after-loss',
    bug: 'onAbandoned answers after the lease was lost, and the effect starts all the same',
    edits: [{ file: leased, search: '      if (attempt > 1) op.signal.throwIfAborted()\n', replace: '' }],
    tests: ['test/simulation/regressions.test.ts'],
  },
]
