import type { SqliteTx } from '../../../src/stores/sqlite/index.ts'
import type { MessagingHarness } from '../../../src/testing/index.ts'
import type { EmbeddedPlace } from './embedded.ts'

export type Harness = MessagingHarness<EmbeddedPlace, SqliteTx>

export interface BrokenAdapter {
  readonly what: string
  /** Cases that must notice. */
  readonly caughtBy: readonly string[]
  readonly harness: Partial<Harness>
}
