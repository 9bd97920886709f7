"""Runs the file pipeline from outside: file_pipeline_test.py CLIENT WORKER

Nothing here sleeps: a test that needs a job in the middle waits for the client's progress line, and
the job cannot be over by then, because one of its files takes many seconds.
"""

import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

CLIENT, WORKER = sys.argv[1:3]
LIMIT = 60  # seconds that anything may take


class FilePipelineTest(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.folder = self.home / "files"
        self.folder.mkdir()
        self.temporary = self.home / "tmp"  # where workers make their output folders
        self.temporary.mkdir()
        self.environment = {**os.environ, "TMPDIR": str(self.temporary)}

    # -- helpers ---------------------------------------------------------------------------------

    def start(self, *command):
        process = subprocess.Popen(
            list(command), env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.close, process)
        return process

    def close(self, process):
        process.kill()
        process.communicate()

    def start_worker(self):
        """Returns a worker process and its endpoint."""
        worker = self.start(WORKER)
        return worker, worker.stdout.readline().removeprefix("listening on ").strip()

    def finish(self, process):
        """Returns what the process printed until it ended by itself."""
        return process.communicate(timeout=LIMIT)

    def run_client(self, *arguments, status=0):
        client = self.start(CLIENT, *map(str, arguments))
        out, err = self.finish(client)
        self.assertEqual(client.returncode, status, out + err)
        return out, err

    def fill_with_long_work(self):
        (self.folder / "small").write_text("small")
        with open(self.folder / "large", "wb") as large:
            large.truncate(16 << 30)  # a hole: takes no place, but long to read

    def start_long_job(self, *arguments):
        """Returns a client that is in the middle of its job, and what it printed so far."""
        self.fill_with_long_work()
        client = self.start(CLIENT, *arguments, str(self.folder), "--max-bytes", "32GiB")
        printed = ""
        while "1 of 2 files" not in printed:
            line = client.stdout.readline()
            self.assertTrue(line, printed)
            printed += line
        return client, printed

    def assert_row(self, out, name, number):
        self.assertRegex(out, rf"(?m)^  {name} +{number:,}(  |$)")

    def assert_cleaned_up(self):
        self.assertEqual(list(self.temporary.iterdir()), [])

    # -- jobs that end ---------------------------------------------------------------------------

    def test_works_through_a_folder_with_awkward_files(self):
        (self.folder / "deep/er").mkdir(parents=True)
        (self.folder / "text").write_text("to be or not to be\n" * 1000)
        (self.folder / "empty").touch()
        (self.folder / "deep/er/chunks").write_bytes(os.urandom(300_000))
        (self.folder / "deep/link").symlink_to("er/chunks")
        (self.folder / "deep/up").symlink_to("..")           # a loop, left out
        (self.folder / "dangling").symlink_to("nowhere")     # refused, as all that follow
        (self.folder / "circle").symlink_to("circle")
        os.mkfifo(self.folder / "fifo")
        self.enterContext(socket.socket(socket.AF_UNIX)).bind(str(self.folder / "socket"))

        out, _ = self.run_client("--demo", self.folder)

        self.assertRegex(out, r"files verified +4  of 8 found")
        self.assert_row(out, "refused", 4)
        self.assert_row(out, "failed", 0)
        self.assert_row(out, "bytes read", 19 * 1000 + 2 * 300_000)
        self.assert_row(out, "mutations sent", 2)
        self.assertIn("8 of 8 files", out)
        self.assert_cleaned_up()

    def test_works_through_an_empty_folder(self):
        out, _ = self.run_client("--demo", self.folder)
        self.assertRegex(out, r"files verified +0  of 0 found")

    def test_refuses_what_does_not_fit(self):
        for name in "abc":
            (self.folder / name).write_text("12345")
        out, _ = self.run_client("--demo", self.folder, "--max-bytes", "11")
        self.assert_row(out, "files verified", 2)
        self.assert_row(out, "refused", 1)

    def test_looks_at_no_more_files_than_it_may(self):
        for number in range(50):
            (self.folder / str(number)).write_text("x")
        out, _ = self.run_client("--demo", self.folder, "--max-files", "7", "--at-once", "1")
        self.assertRegex(out, r"files verified +7  of 7 found")

    def test_goes_on_after_a_file_that_fails(self):
        (self.folder / "good").write_text("good")
        (self.folder / "bad").symlink_to("/proc/self/mem")  # can be opened, cannot be read
        out, err = self.run_client("--demo", self.folder, status=1)
        self.assert_row(out, "files verified", 1)
        self.assert_row(out, "failed", 1)
        self.assertIn(f"failed {self.folder}/bad: read: Input/output error", err)
        self.assert_cleaned_up()

    def test_stops_at_a_file_that_fails_when_told_so(self):
        for number in range(100):
            (self.folder / str(number)).symlink_to("/proc/self/mem")
        out, _ = self.run_client("--demo", self.folder, "--at-once", "1", "--stop-on-error", status=1)
        self.assert_row(out, "failed", 1)
        self.assert_cleaned_up()

    def test_says_that_there_is_no_folder(self):
        _, err = self.run_client("--demo", self.folder / "none", status=1)
        self.assertIn("cannot read the folder", err)
        self.assertIn("failed discover", err)
        self.assertIn("No such file or directory", err)
        self.assert_cleaned_up()

    def test_says_that_there_is_no_place_for_its_output(self):
        (self.folder / "file").write_text("x")
        self.environment["TMPDIR"] = str(self.home / "none")
        _, err = self.run_client("--demo", self.folder, status=1)
        self.assertIn("failed make output folder", err)

    # -- jobs that are ended -----------------------------------------------------------------------

    def test_tells_that_the_worker_was_killed(self):
        client, printed = self.start_long_job("--demo")
        os.kill(int(re.search(r"process (\d+)", printed)[1]), signal.SIGKILL)
        _, err = self.finish(client)
        self.assertEqual(client.returncode, 1)
        self.assertIn("lost the worker after 1 of 2 files", err)

    def test_tells_that_the_worker_is_stuck(self):
        worker, endpoint = self.start_worker()
        client, _ = self.start_long_job("--connect", endpoint, "--patience", "1")
        worker.send_signal(signal.SIGSTOP)
        _, err = self.finish(client)
        self.assertEqual(client.returncode, 1)
        self.assertIn("does not answer any more", err)

    def test_cancels_the_job_when_interrupted(self):
        worker, endpoint = self.start_worker()
        client, _ = self.start_long_job("--connect", endpoint)
        client.send_signal(signal.SIGINT)
        _, err = self.finish(client)
        self.assertEqual(client.returncode, 130)
        self.assertIn("canceled after 1 of 2 files", err)
        self.assert_cleaned_up()  # the client waited for that

        (self.folder / "large").unlink()
        out, _ = self.run_client("--connect", endpoint, self.folder)  # and the worker goes on
        self.assertRegex(out, r"files verified +1  of 1 found")

    def test_ends_the_worker_in_the_middle_of_a_job(self):
        worker, endpoint = self.start_worker()
        client, _ = self.start_long_job("--connect", endpoint)
        worker.send_signal(signal.SIGTERM)
        self.assertEqual(worker.wait(LIMIT), 0)
        self.assert_cleaned_up()
        _, err = self.finish(client)
        self.assertEqual(client.returncode, 1)
        self.assertRegex(err, "lost the worker|taken off the worker")

    def test_ends_its_worker_however_it_ends(self):
        client, printed = self.start_long_job("--demo")
        worker = os.pidfd_open(int(re.search(r"process (\d+)", printed)[1]))
        client.kill()
        self.assertEqual(select.select([worker], [], [], LIMIT)[0], [worker])
        os.close(worker)
        self.assert_cleaned_up()

    def test_refuses_a_second_job(self):
        _, endpoint = self.start_worker()
        self.start_long_job("--connect", endpoint)
        _, err = self.run_client("--connect", endpoint, self.folder, status=1)
        self.assertIn("busy with another job", err)

    # -- workers that are none -----------------------------------------------------------------------

    def test_gives_up_on_a_worker_that_never_answers(self):
        silent = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        endpoint = "tcp://127.0.0.1:%d" % silent.getsockname()[1]
        _, err = self.run_client("--connect", endpoint, self.folder, status=1)
        self.assertIn(f"no worker at {endpoint}", err)

    def test_gives_up_where_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as gone:
            endpoint = "tcp://127.0.0.1:%d" % gone.getsockname()[1]
        _, err = self.run_client("--connect", endpoint, self.folder, status=1)
        self.assertIn(f"no worker at {endpoint}", err)

    def test_refuses_command_lines_that_make_no_sense(self):
        for arguments in ([], ["--demo", "--connect", "tcp://127.0.0.1:1", "x"], ["--demo", "x", "y"],
                          ["--connect", "tcp://127.0.0.1:1"], ["--demo", "--at-once", "0"],
                          ["--demo", "--max-files", "-1"], ["--demo", "--max-bytes", "much"]):
            with self.subTest(arguments):
                self.run_client(*arguments, status=2)
        _, err = self.run_client("--connect", "nonsense", self.folder, status=1)
        self.assertIn("nonsense", err)

    def test_refuses_an_endpoint_that_is_taken(self):
        _, endpoint = self.start_worker()
        second = self.start(WORKER, "--listen", endpoint)
        _, err = self.finish(second)
        self.assertEqual(second.returncode, 1)
        self.assertIn(endpoint, err)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
