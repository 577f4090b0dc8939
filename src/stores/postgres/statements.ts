import type { OperationState } from '../../core/record.ts'
import { claimSql } from './sql/claim.ts'
import { claimAllDoneSql, claimAllNewDoneSql } from './sql/claim-all-done.ts'
import { claimDoneSql, claimKnownSql, claimNewDoneSql } from './sql/claim-done.ts'
import { completeSql, putResultSql } from './sql/complete.ts'
import { findSql, type ListedState, listSql } from './sql/find.ts'
import { claimLoneSql, completeLoneSql } from './sql/lone.ts'
import type { Names } from './sql/names.ts'
import {
  appendSql,
  discardSql,
  leaveRelaySql,
  parkedSql,
  settlePublishedSql,
  settleSql,
  statsSql,
  takeSql,
  unparkSql,
} from './sql/outbox.ts'
import { releaseSql } from './sql/release.ts'
import { forgetSql, overdueSql, sweepSql } from './sql/remove.ts'
import { renewSql } from './sql/renew.ts'
import { registerSql, unregisterSql } from './sql/waiters.ts'
import { type Statement, statement } from './statement.ts'

export type Statements = ReturnType<typeof createStatements>

const LISTED: readonly ListedState[] = [
  'any',
  'abandoned',
  'unknown',
  'idle',
  'running',
  'done' satisfies OperationState,
]

/** All statements, built once. A partition lasts `partitionMs`, and its first records wait for its last to expire. */
export function createStatements(names: Names, partitionMs = 0) {
  const lists = new Map<string, Statement>()
  for (const state of LISTED) {
    for (const scoped of [false, true]) {
      lists.set(`${state} ${scoped}`, statement(`list_${state}`, listSql(names, state, scoped)))
    }
  }
  const joinable = (verb: string, sql: (names: Names, more?: string) => string): Statement => ({
    ...statement(verb, sql(names)),
    joined: sql(names, `, ${names.home} AS home`),
  })
  return {
    claim: statement('claim', claimSql(names)),
    claimLone: statement('claim_lone', claimLoneSql(names)),
    claimDone: statement('claim_done', claimDoneSql(names)),
    claimNewDone: joinable('claim_new_done', claimNewDoneSql),
    claimKnown: joinable('claim_known', claimKnownSql),
    claimAllDone: statement('claim_all_done', claimAllDoneSql(names)),
    claimAllNewDone: statement('claim_all_new_done', claimAllNewDoneSql(names)),
    renew: statement('renew', renewSql(names)),
    complete: statement('complete', completeSql(names)),
    completeLone: statement('complete_lone', completeLoneSql(names)),
    putResult: statement('put_result', putResultSql(names)),
    release: statement('release', releaseSql(names)),
    find: statement('find', findSql(names)),
    list: (state: ListedState, scoped: boolean) => lists.get(`${state} ${scoped}`) as Statement,
    forget: statement('forget', forgetSql(names)),
    sweep: statement('sweep', sweepSql(names)),
    overdue: statement('overdue', overdueSql(names, partitionMs * 1000)),
    register: statement('register', registerSql(names)),
    unregister: statement('unregister', unregisterSql(names)),
    append: joinable('append', appendSql),
    take: statement('take', takeSql(names)),
    settle: statement('settle', settleSql(names)),
    settlePublished: statement('settle_published', settlePublishedSql(names)),
    leaveRelay: statement('leave_relay', leaveRelaySql(names)),
    stats: statement('stats', statsSql(names)),
    parked: statement('parked', parkedSql(names)),
    unpark: statement('unpark', unparkSql(names)),
    discard: statement('discard', discardSql(names)),
  }
}
