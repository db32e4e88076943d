/**
 * Answers that peers have not taken yet, over all connections of a process: each may leave some megabytes, and thousands of
 * them together would leave no memory for anybody. Answers that lie in buffers which are used again are not counted: a
 * connection has one of them at most.
 */

/**
 * Past it no connection is read that has an answer waiting, and a peer that leaves answers of requests that had been taken up
 * before waiting behind others loses its connection.
 */
export const MAX_UNTAKEN_BYTES = 64 * 1024 * 1024;

let untaken = 0;

export const mayWait = (bytes: number): boolean => untaken + bytes <= MAX_UNTAKEN_BYTES;

/** Counts an answer, until what it returns has been called. */
export function waits(bytes: number): () => void {
  untaken += bytes;
  return () => {
    untaken -= bytes;
  };
}
