/** Whether the session has ended: then there is nothing to say of an error, and somebody to sign in. */
import { ApiProblem } from '../../../client/problem.ts';

export const isSignedOut = (error: unknown): boolean => error instanceof ApiProblem && error.status === 401;
