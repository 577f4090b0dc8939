import { expect, it } from 'vitest'
import { OnlyonceError } from '../../core/errors.ts'
import { explained } from './faults.ts'

const told = (reason: string, isCluster = false) => explained('claim', new Error(reason), isCluster)

it.each([
  [
    'ERR Error running script (call to f_4a): @user_script:41: @user_script: 41: -OOM command not allowed',
    'memory is full',
  ],
  ["OOM command not allowed when used memory > 'maxmemory'. script: 4a, on @user_script:41.", 'memory is full'],
  ["ERR ACL failure in script: User default has no permissions to run the 'set' command", 'lacks a permission'],
  [
    "ERR Error running script (call to f_4a): @user_script:1: The user executing the script can't run this command",
    'lacks a permission',
  ],
  ["CROSSSLOT Keys in request don't hash to the same slot", 'client of a cluster'],
  ['MOVED 15179 127.0.0.1:7001', 'client of a cluster'],
  ['ASK 15179 127.0.0.1:7001', 'client of a cluster'],
])('what Redis refuses is not asked again: %s', (reason, meaning) => {
  expect(told(reason)).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining(meaning) })
})

it.each([
  ['NOREPLICAS Not enough good replicas to write.', 'min-replicas-to-write'],
  ['getaddrinfo ENOTFOUND ORACLE', 'the connection failed'],
])('what may pass is asked again: %s', (reason, meaning) => {
  expect(OnlyonceError.is(told(reason))).toBe(false)
  expect(told(reason).message).toContain(meaning)
})

it('a client of a cluster may follow a slot that is moving', () => {
  const error = told('MOVED 15179 127.0.0.1:7001', true)
  expect(OnlyonceError.is(error)).toBe(false)
  expect(error.message).toContain('part of the cluster is not available')
})
