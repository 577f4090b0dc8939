import { describe, it } from 'vitest'
import { httpConformance } from '../../src/testing/index.ts'
import { nestHarness } from './harness/nestjs.ts'

const skip = {
  'JSON that names one member twice is not taken for the JSON that names it once':
    'Nest has parsed the body in front of the guard, and decided which of them counts, for the handler too',
  'a body of unknown length that grows too long is refused with 413':
    'Nest has read the body in front of the guard, up to a limit of its own',
}

httpConformance('nestjs 12 on express', { ...nestHarness('express'), skip }, { describe, it })

httpConformance('nestjs 12 on fastify', { ...nestHarness('fastify'), skip }, { describe, it })
