import { isClean } from '../audit/audit.ts'
import type { BrokerName } from '../brokers/broker-names.ts'
import type { StoreName } from '../stores/store-names.ts'
import type { Run } from '../system/run.ts'

/** What `--json` prints, and what table and picture show. */
export interface DemoResult {
  /** Of the protected run; the other one is always on SQLite files. */
  readonly store: StoreName
  /** Likewise; the other one is always on a queue in a file. */
  readonly broker: BrokerName
  readonly orders: number
  readonly expectedPence: number
  readonly unprotected: Run
  readonly onlyonce: Run
}

export function passed({ onlyonce, expectedPence }: DemoResult): boolean {
  return isClean(onlyonce, expectedPence)
}
