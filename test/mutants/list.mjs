// Bugs planted on purpose, each the kind that somebody has written before. The suite has to notice every one.
// `search` must occur exactly once in its file, so that the list cannot rot; `seeds` is how many schedules it may take.

/** @typedef {{ file: string, search: string, replace: string }} Edit */
/** @typedef {{ name: string, bug: string, edits: readonly Edit[], tests?: readonly string[], seeds?: number }} Mutant */

const lifecycle = 'src/core/lifecycle.ts'
const leased = 'src/core/leased.ts'
const settling = 'src/core/settling.ts'
const heartbeat = 'src/core/heartbeat.ts'
const memory = 'src/stores/memory/index.ts'
const batch = 'src/messaging/batch.ts'
const atomicBatch = 'src/core/atomic-batch.ts'

/** @type {readonly Mutant[]} */
export const mutants = [
  {
    name: 'claim-check-then-act',
    bug: 'the claim looks first and writes later, so two callers are granted the same operation',
    edits: [
      {
        file: memory,
        search: '        if (write !== undefined) keep(write)\n',
        replace: '        if (write !== undefined) runtime.after(5, () => keep(write))\n',
      },
    ],
  },
  {
    name: 'lease-in-a-second-step',
    bug: 'the claim is written without its lease, which follows a moment later',
    edits: [
      {
        file: memory,
        search: '        if (write !== undefined) keep(write)\n',
        replace: `        if (write !== undefined) {
          keep({ ...write, leaseUntil: runtime.now() })
          runtime.after(5, () => keep(write))
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
        search: '        const value = await effect(op)\n        const rest',
        replace:
          '        await calls.complete({ lease, result: storedValue(undefined), retentionMs: call.options.retentionMs })\n        const value = await effect(op)\n        const rest',
      },
    ],
  },
  {
    name: 'ack-before-commit',
    bug: 'the broker hears ack while the operation is still under way',
    edits: [
      {
        file: 'src/messaging/follow.ts',
        search: '    begin(decide)\n',
        replace: "    begin(decide)\n    decide({ kind: 'ack' })\n",
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
        file: settling,
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
        file: settling,
        search: '    outcome = await completeUntilDefinite(context, call, completion, error)',
        replace: '    await context.calls.release(lease)\n    throw error',
      },
    ],
  },
  {
    name: 'half-an-effect-is-released',
    bug: 'an effect that was told to stop half-way is given back as if nothing had happened',
    edits: [
      {
        file: 'src/core/operation.ts',
        search: 'return op.#aborted !== undefined || (',
        replace: 'return (',
      },
    ],
    tests: ['src/core/leased-doubt.test.ts'],
  },
  {
    name: 'unsaved-step-is-released',
    bug: 'an effect with a step that ran and could not be saved is given back as if nothing had happened',
    edits: [
      {
        file: 'src/core/operation.ts',
        search: '(op.#saveSteps !== undefined && op.#steps.length > op.#saved)',
        replace: 'false',
      },
    ],
    tests: ['src/core/leased-doubt.test.ts'],
  },
  {
    name: 'owner-answers-local-result',
    bug: 'an owner that was replaced answers with its own result instead of the stored one',
    edits: [
      {
        file: settling,
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
      {
        file: heartbeat,
        search: 'leaseMs / 3, askedAt + maxRunMs - now, untilLost',
        replace: 'leaseMs / 3, untilLost',
      },
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
    edits: [{ file: 'src/core/joining.ts', search: ' && !unbound)', replace: ' && !flight.forgotten)' }],
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
        file: 'src/outbox/resting.ts',
        search: 'if (isFree) return [entry]',
        replace: 'if (isFree || entry.failures === 0) return [entry]',
      },
    ],
    seeds: 20_000,
  },
  {
    name: 'relay-without-lease',
    bug: 'the relay goes on to publish without asking whether it still holds the lease',
    edits: [
      {
        file: 'src/outbox/lead.ts',
        search: 'runtime.elapsed() + forMs < leaseEnds',
        replace: 'runtime.elapsed() + forMs < leaseEnds + 60_000',
      },
    ],
  },
  {
    name: 'relay-passes-a-parked-entry',
    bug: 'what waits behind a message that is put aside is published before the store knows of it',
    edits: [
      {
        file: 'src/outbox/sending.ts',
        search: 'if (parked) hand.park(entry)',
        replace: 'if (parked) hand.remove(position)',
      },
    ],
    tests: ['src/outbox/relay-ahead.test.ts'],
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
  {
    name: 'batch-acks-undone',
    bug: 'a message whose batch was undone because of others is acked with them',
    edits: [
      {
        file: batch,
        search: "    if (outcome.kind === 'undone' || (outcome.kind === 'failed' && !outcome.replayed)) return false",
        replace: `    if (outcome.kind === 'failed' && !outcome.replayed) return false
    if (outcome.kind === 'undone') {
      decide({ kind: 'ack' })
      return true
    }`,
      },
    ],
  },
  {
    name: 'batch-acks-the-second-half',
    bug: 'when a batch fails its first half is tried by itself, and the second half is acked',
    edits: [
      {
        file: batch,
        search: '    await together(left.slice(middle))',
        replace: "    for (const { decide } of left.slice(middle)) decide({ kind: 'ack' })",
      },
    ],
  },
  {
    name: 'batch-records-without-running',
    bug: 'all of a batch are recorded as done, and only the first is handed to the effect',
    edits: [
      {
        file: atomicBatch,
        search: '() => effect(tx, inPlace(ops)))',
        replace: '() => effect(tx, inPlace(ops.map((op, index) => (index === 0 ? op : undefined)))))',
      },
    ],
  },
  {
    name: 'batch-copy-of-another-payload',
    bug: 'a copy in the same batch is a duplicate of the first, whatever its payload is',
    edits: [
      {
        file: atomicBatch,
        search: '  if (call.named.fingerprint === first.named.fingerprint)\n',
        replace: '  if (call.named.id === first.named.id)\n',
      },
    ],
    seeds: 20_000,
  },
  {
    name: 'batch-commit-not-confirmed',
    bug: 'the COMMIT of a batch whose answer was lost counts as committed',
    edits: [
      {
        file: atomicBatch,
        search:
          '  if (witness !== undefined) await afterCommitFailed(context, distinct[written] as Call, owner, witness, error)\n',
        replace: '',
      },
    ],
  },
  {
    name: 'batch-overtakes-one-apart',
    bug: 'a batch goes on with a message behind one of its ordering key that was taken out of it',
    edits: [
      {
        file: batch,
        search: '      else if (delivery.orderingKey === undefined || !apart.has(delivery.orderingKey)) return true',
        replace: '      else if (rider.course.starts > 0) return true',
      },
    ],
  },
  {
    name: 'batch-runs-behind-a-retried-one',
    bug: 'a message that goes alone does not look at what became of the one before it with its ordering key',
    edits: [
      {
        file: batch,
        search: '      const earlier = await before\n',
        replace: '      const earlier = undefined as Verdict | undefined\n',
      },
    ],
  },
  {
    name: 'batch-with-suspects',
    bug: 'a message that may have ended its process before goes together with others again',
    edits: [
      {
        file: batch,
        search: " if (known[index] !== 'done' && known[index] !== 'none') rider.key = undefined",
        replace: ' void [index, rider]',
      },
    ],
  },
  {
    name: 'batch-overtakes-a-lost-one',
    bug: 'a message that the broker gave to somebody else is left out of its batch, and the one behind it is not',
    edits: [
      {
        file: 'src/messaging/handling.ts',
        search: '    return !missing.has(orderingKey)',
        replace: '    return begins',
      },
    ],
    tests: ['test/simulation', 'src/messaging/pull-batch.test.ts'],
    seeds: 20_000,
  },
  {
    name: 'batch-waits-for-a-silent-broker',
    bug: 'a consumer waits for ever for a broker that does not answer whether a message is still its own',
    edits: [
      {
        file: 'src/messaging/handling.ts',
        search: 'await timeLimit(runtime, delivery.extend(visibilityMs), limitMs, noAnswer(limitMs))',
        replace: 'await delivery.extend(visibilityMs)',
      },
    ],
    seeds: 20_000,
  },
  {
    name: 'at-most-once-starts-twice',
    bug: 'a handler that failed is started again although at most one start was promised',
    edits: [
      {
        file: 'src/messaging/inbox-settings.ts',
        search: "  return { maxAttempts: 1, onAbandoned: 'hold' as const }",
        replace: "  return { maxAttempts: 2, onAbandoned: 'hold' as const }",
      },
    ],
  },
  {
    name: 'at-most-once-runs-what-was-lost',
    bug: 'a start that nobody saw end is made again although at most one start was promised',
    edits: [
      {
        file: 'src/messaging/inbox-settings.ts',
        search: "  return { maxAttempts: 1, onAbandoned: 'hold' as const }",
        replace: "  return { maxAttempts: 1, onAbandoned: 'retry' as const }",
      },
    ],
  },
  {
    name: 'relay-parks-too-early',
    bug: 'the relay puts a message aside one failure before it may',
    edits: [
      {
        file: 'src/outbox/sending.ts',
        search: '    const parked = permanent || failures >= options.maxFailures',
        replace: '    const parked = permanent || failures + 1 >= options.maxFailures',
      },
    ],
  },
  {
    name: 'failure-told-twice',
    bug: 'a call that fails after its requests were given up is heard of twice, so each is asked again twice, side by side',
    edits: [
      {
        file: 'src/core/batcher.ts',
        search: '  for (const one of batch) if (isOpen(one)) settle(one).reject(error)',
        replace: '  for (const one of batch) settle(one).reject(error)',
      },
    ],
    tests: ['src/core/batcher-time-limits.test.ts'],
  },
]
