/**
 * What a promise brings, within a time.
 *
 * @param limitMs milliseconds
 * @param error made and thrown when the time is over
 */
export async function within<T>(promise: Promise<T>, limitMs: number, error: () => Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(error()), limitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
