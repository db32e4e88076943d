/**
 * V8 gives a process a young generation of a megabyte, and doubles it each time that enough of it has survived. Of a hot
 * request nothing survives: the generation stays small, is collected again and again, and each time all requests wait.
 */
import { setFlagsFromString } from 'node:v8';
import { SEMI_SPACE_MIB } from './limits.ts';

/**
 * From the next time that it grows, which is while the program starts. To set flags of V8 after its own start is at one's own
 * risk, says Node; this one is read whenever the generation grows, and where it is not, all stays as it was.
 */
export function growYoungGenerationAtOnce(): void {
  setFlagsFromString(`--semi-space-growth-factor=${SEMI_SPACE_MIB}`);
}
