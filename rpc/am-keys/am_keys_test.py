"""am_keys_test.py PROGRAM: drives am-keys as a user does."""

import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv.pop())


class AmKeys(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def run_keys(self, *arguments):
        return subprocess.run([PROGRAM, *arguments], cwd=self.path, capture_output=True, text=True,
                              timeout=30)

    def make(self, name):
        made = self.run_keys("make", name)
        self.assertEqual(made.returncode, 0, made.stderr)
        return made.stdout

    def secret(self, name):
        lines = (self.path / f"{name}.key").read_text().splitlines()
        return next(line.split()[1] for line in lines if line.startswith("secret "))

    def test_make_writes_both_halves_and_prints_the_public_one(self):
        line = self.make("door")
        key, name = line.split()
        self.assertEqual(len(key), 40)
        self.assertEqual(name, "door")
        self.assertEqual((self.path / "door.pub").read_text(), line)
        self.assertEqual(stat.S_IMODE((self.path / "door.key").stat().st_mode), 0o600)
        self.assertNotIn(self.secret("door"), line)

    def test_make_keeps_a_secret_whatever_the_umask(self):
        old = os.umask(0)
        try:
            self.make("door")
        finally:
            os.umask(old)
        self.assertEqual(stat.S_IMODE((self.path / "door.key").stat().st_mode), 0o600)

    def test_make_leaves_files_alone_that_exist(self):
        self.make("door")
        before = (self.path / "door.key").read_text()
        again = self.run_keys("make", "door")
        self.assertEqual(again.returncode, 1)
        self.assertIn("not overwritten", again.stderr)
        self.assertEqual((self.path / "door.key").read_text(), before)

    def test_make_leaves_no_half_behind(self):
        (self.path / "door.pub").write_text("somebody else's\n")
        made = self.run_keys("make", "door")
        self.assertEqual(made.returncode, 1)
        self.assertFalse((self.path / "door.key").exists())

    def test_show_prints_the_public_half_of_every_file(self):
        line = self.make("door")
        for name in ("door.key", "door.pub"):
            shown = self.run_keys("show", name)
            self.assertEqual((shown.returncode, shown.stdout), (0, line), shown.stderr)
            self.assertNotIn(self.secret("door"), shown.stdout + shown.stderr)

    def test_public_files_together_are_a_list_of_clients(self):
        lines = self.make("hall") + self.make("porch")
        (self.path / "clients").write_text("# who may come in\n" + lines)
        shown = self.run_keys("show", "clients")
        self.assertEqual((shown.returncode, shown.stdout), (0, lines), shown.stderr)

    def test_a_secret_that_others_may_read_is_not_used(self):
        self.make("door")
        (self.path / "door.key").chmod(0o644)
        shown = self.run_keys("show", "door.key")
        self.assertEqual(shown.returncode, 1)
        self.assertIn("chmod 600", shown.stderr)

    def test_mistakes_are_told(self):
        self.assertEqual(self.run_keys().returncode, 2)
        self.assertEqual(self.run_keys("make").returncode, 2)
        self.assertEqual(self.run_keys("make", "no such folder/door").returncode, 1)
        missing = self.run_keys("show", "missing.pub")
        self.assertEqual(missing.returncode, 1)
        self.assertIn('cannot read "missing.pub"', missing.stderr)

    def test_help_says_how(self):
        helped = self.run_keys("--help")
        self.assertEqual(helped.returncode, 0)
        for word in ("NAME.key", "EXAMPLE", "EXIT STATUS"):
            self.assertIn(word, helped.stdout)


if __name__ == "__main__":
    unittest.main()
