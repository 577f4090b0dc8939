import { describe, it } from 'vitest'
import { httpConformance } from '../../src/testing/index.ts'
import { proxyHarness } from './proxy-harness.ts'

const unknown =
  'nobody knows what a service did that breaks its answer off: the operation is abandoned until its lease is over'

httpConformance(
  'proxy',
  {
    ...proxyHarness,
    skip: {
      'half an answer is never given again: a handler that breaks off runs again': unknown,
      'an answer that breaks off after its client left frees the key': unknown,
    },
  },
  { describe, it },
)
