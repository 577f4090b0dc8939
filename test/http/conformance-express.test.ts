import { describe, it } from 'vitest'
import { httpConformance } from '../../src/testing/index.ts'
import { expressHarness } from './harness/express.ts'

const runner = { describe, it }

httpConformance('express 5', expressHarness({ version: 5, json: 'after' }), runner)

httpConformance(
  'express 5, body parsed in front of the guard',
  {
    ...expressHarness({ version: 5, json: 'before' }),
    skip: {
      'JSON that names one member twice is not taken for the JSON that names it once':
        'the parser in front of the guard has decided which of them counts, for the handler too',
      'a body of unknown length that grows too long is refused with 413':
        'the parser in front of the guard has a limit of its own',
    },
  },
  runner,
)
