import java.time.Instant;
import java.util.ArrayList;
import java.util.concurrent.*;
import java.util.concurrent.locks.*;

/** Waits with deadlines, timers, many threads and child processes, as builds in Java have them. */
public class Work {
  static void between(long start, long least, long most, String what) {
    long took = (System.nanoTime() - start) / 1_000_000;
    assert took >= least && took <= most : what + " took " + took + " ms";
  }

  public static void main(String[] args) throws Exception {
    Lock lock = new ReentrantLock();
    Condition never = lock.newCondition();
    lock.lock();
    long start = System.nanoTime();
    assert !never.awaitUntil(java.util.Date.from(Instant.now().plusMillis(200))) : "nobody signals";
    between(start, 150, 20_000, "awaitUntil");
    lock.unlock();

    ScheduledExecutorService timers = Executors.newScheduledThreadPool(4);
    start = System.nanoTime();
    assert timers.schedule(() -> 7, 200, TimeUnit.MILLISECONDS).get(30, TimeUnit.SECONDS) == 7;
    between(start, 150, 20_000, "schedule");
    timers.shutdownNow();

    ExecutorService threads = Executors.newFixedThreadPool(64);
    var all = new ArrayList<Future<Long>>();
    for (int i = 0; i < 64; i++) all.add(threads.submit(() -> { long last = 0; for (int j = 0; j < 10_000; j++) last = System.currentTimeMillis(); return last; }));
    for (var f : all) assert Math.abs(f.get() - System.currentTimeMillis()) < 60_000;
    threads.shutdown();

    for (int i = 0; i < 20; i++) {
      Process date = new ProcessBuilder("date", "+%s").start();
      long there = Long.parseLong(new String(date.getInputStream().readAllBytes()).trim());
      assert date.waitFor() == 0 && Math.abs(there - Instant.now().getEpochSecond()) < 60 : "a child in another world";
    }
  }
}
