import { describe, it } from 'vitest'
import { httpConformance } from '../../src/testing/index.ts'
import { fastifyHarness } from './harness/fastify.ts'

httpConformance(
  'fastify 5',
  {
    ...fastifyHarness,
    skip: {
      'a body of unknown length that grows too long is refused with 413':
        'Fastify has read the body in front of the guard, up to a limit of its own',
      'JSON that names one member twice is not taken for the JSON that names it once':
        'Fastify has parsed the body in front of the guard, and decided which of them counts, for the handler too',
    },
  },
  { describe, it },
)
