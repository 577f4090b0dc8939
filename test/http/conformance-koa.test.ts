import { describe, it } from 'vitest'
import { httpConformance } from '../../src/testing/index.ts'
import { koaHarness } from './harness/koa.ts'

const runner = { describe, it }

/** Koa ends the stream of a client that left, before anybody can hold it back. */
const streams = {
  'a client that leaves in the middle of the answer can come back for all of it':
    'Koa stops the stream when its client leaves; status and headers are kept',
  'an answer that breaks off after its client left frees the key': 'Koa has stopped the stream before it can fail',
}

httpConformance('koa 3', { ...koaHarness({ json: 'never' }), skip: streams }, runner)

httpConformance(
  'koa 3, body parsed in front of the guard',
  {
    ...koaHarness({ json: 'before' }),
    skip: {
      ...streams,
      'JSON that names one member twice is not taken for the JSON that names it once':
        'the parser in front of the guard has decided which of them counts, for the handler too',
      'a body of unknown length that grows too long is refused with 413':
        'the parser in front of the guard has a limit of its own',
    },
  },
  runner,
)
