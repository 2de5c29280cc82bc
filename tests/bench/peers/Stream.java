/*
 * Stream.java - stream.h's loop for JDK Flight Recorder: custom events without a stack trace.
 *
 *   java -Doutput=LOG Stream run EVENTS          as there; a million events warm it up, and are in LOG
 *   java -Doutput=LOG Stream paced RATE FILE
 */
import java.io.RandomAccessFile;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import jdk.jfr.Event;
import jdk.jfr.Name;
import jdk.jfr.Recording;
import jdk.jfr.StackTrace;

public final class Stream {
	private static final int WARM_UP = 1_000_000;

	@Name("Common")
	@StackTrace(false)
	private static final class Common extends Event {
		long pauseUs, bytes;
	}

	@Name("Rare")
	@StackTrace(false)
	private static final class Rare extends Event {
		long pauseUs, bytes;
	}

	private long state = 88172645463325252L, rare;

	private void step() {
		long r = state;

		r ^= r << 13;
		r ^= r >>> 7;
		r ^= r << 17;
		state = r;
		if ((r & 1023) == 0) {
			Rare event = new Rare();
			event.pauseUs = Long.remainderUnsigned(r, 2000);
			event.bytes = (r >>> 32 & 511) * 64;
			event.commit();
			rare++;
		} else {
			Common event = new Common();
			event.pauseUs = Long.remainderUnsigned(r, 2000);
			event.bytes = (r >>> 32 & 511) * 64;
			event.commit();
		}
	}

	private long run(long events) {
		long start = System.nanoTime();

		for (long i = 0; i < events; i++)
			step();
		return System.nanoTime() - start;
	}

	private void paced(long rate, String file) throws Exception {
		try (RandomAccessFile f = new RandomAccessFile(file, "rw")) {
			MappedByteBuffer emitted = f.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, 8);
			emitted.order(ByteOrder.nativeOrder());
			long next = System.nanoTime();
			for (long count = 0;;) {
				for (long i = 0; i < rate / 1000; i++) {
					step();
					emitted.putLong(0, ++count);
				}
				next += 1_000_000;
				LockSupport.parkNanos(next - System.nanoTime());
			}
		}
	}

	/* This thread alone onto core 1: the JVM's own may run on the other. */
	private static void pin() throws Exception {
		Path self = Files.readSymbolicLink(Path.of("/proc/thread-self"));
		new ProcessBuilder("taskset", "-pc", "1", self.getFileName().toString()).start().waitFor();
	}

	public static void main(String[] args) throws Exception {
		Recording recording = new Recording();

		recording.enable(Common.class);
		recording.enable(Rare.class);
		recording.setDestination(Path.of(System.getProperty("output")));
		recording.start();
		pin();
		if (args[0].equals("paced"))
			new Stream().paced(Long.parseLong(args[1]), args[2]);
		Stream warm = new Stream(), timed = new Stream();
		warm.run(WARM_UP);
		long events = Long.parseLong(args[1]), ns = timed.run(events);
		recording.stop();
		System.out.printf("%.3f %d %d%n", (double) ns / events, events + WARM_UP, timed.rare + warm.rare);
	}
}
