"""A mixed order-processing workload on a SQLite database of 120,000 orders; prints its timings as one JSON line.

Standard library only. Building the database is not timed; everything an application would wait for is:
orders placed in durable transactions, look-ups by number, a customer's latest orders, and a daily report.
"""

import argparse
import json
import random
import sqlite3
import time
from pathlib import Path

ROWS, CUSTOMERS = 120_000, 4_000
PLACED, LOOKED_UP, CUSTOMER_PAGES, REPORTS = 150, 1_500, 40, 3
INDEXES = {
    "none": (),
    "customer": ("CREATE INDEX by_customer ON orders (customer)",),
    "customer_placed": ("CREATE INDEX by_customer ON orders (customer, placed)",),
    "covering": ("CREATE INDEX by_customer ON orders (customer, placed, status, cents)",),
}


def main() -> None:
    """Build the database, run the workload, print the metrics."""
    options = parse_options()
    path = Path("orders.db")
    build(path, options)
    connection = connect(path, options)
    rng = random.Random(options.seed)
    commits, began = [], time.perf_counter()
    for step in range(PLACED):
        commits.append(place_order(connection, rng, step))
        for _ in range(LOOKED_UP // PLACED):
            connection.execute("SELECT * FROM orders WHERE id = ?", (rng.randrange(1, ROWS),)).fetchone()
        if step % (PLACED // CUSTOMER_PAGES) == 0:
            customer_page(connection, rng)
        if step % (PLACED // REPORTS) == 0:
            daily_report(connection, rng)
    seconds = time.perf_counter() - began
    pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    connection.close()
    commits.sort()
    print(
        json.dumps(
            {
                "seconds": round(seconds, 6),
                "commit_p95_ms": round(commits[int(0.95 * len(commits))] * 1e3, 4),
                "database_mib": round(pages * size / 2**20, 2),
            }
        )
    )


def parse_options() -> argparse.Namespace:
    """Read the configuration from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page-size", type=int, default=4096)
    parser.add_argument("--cache-kib", type=int, default=2000)
    parser.add_argument("--journal-mode", default="DELETE")
    parser.add_argument("--synchronous", default="FULL")
    parser.add_argument("--mmap-size", type=int, default=0)
    parser.add_argument("--temp-store", default="DEFAULT")
    parser.add_argument("--locking-mode", default="NORMAL")
    parser.add_argument("--wal-autocheckpoint", type=int, default=1000)
    parser.add_argument("--customer-index", choices=INDEXES, default="none")
    parser.add_argument("--status-index", choices=("true", "false"), default="false")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def build(path: Path, options: argparse.Namespace) -> None:
    """Fill a new database with orders, the same for the same seed."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA page_size = {options.page_size}")
    connection.execute("PRAGMA synchronous = OFF")  # only while building: nobody waits for this
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INT, placed INT, status TEXT, cents INT, note TEXT)"
    )
    connection.execute(
        """
        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
        INSERT INTO orders
        SELECT n, (n * 2654435761 + ?2 * 40503) % ?3, n * 37,
               CASE (n * 31 + ?2) % 20 WHEN 0 THEN 'open' WHEN 1 THEN 'returned' ELSE 'shipped' END,
               (n * 7919) % 50000, 'order ' || n || ' ring twice, leave with neighbour'
        FROM numbers
        """,
        (ROWS, options.seed, CUSTOMERS),
    )
    for statement in INDEXES[options.customer_index]:
        connection.execute(statement)
    if options.status_index == "true":
        connection.execute("CREATE INDEX by_status ON orders (status, placed)")
    connection.execute("ANALYZE")
    connection.close()


def connect(path: Path, options: argparse.Namespace) -> sqlite3.Connection:
    """Open the database the way the configuration says."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {options.journal_mode}")
    connection.execute(f"PRAGMA synchronous = {options.synchronous}")
    connection.execute(f"PRAGMA cache_size = -{options.cache_kib}")
    connection.execute(f"PRAGMA mmap_size = {options.mmap_size}")
    connection.execute(f"PRAGMA temp_store = {options.temp_store}")
    connection.execute(f"PRAGMA locking_mode = {options.locking_mode}")
    if options.journal_mode == "WAL":
        connection.execute(f"PRAGMA wal_autocheckpoint = {options.wal_autocheckpoint}")
    return connection


def place_order(connection: sqlite3.Connection, rng: random.Random, step: int) -> float:
    """Insert three orders and change one in a transaction; return how long it took, seconds."""
    began = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    for _ in range(3):
        row = (rng.randrange(CUSTOMERS), ROWS * 37 + step, "open", rng.randrange(50_000), "ring twice")
        connection.execute("INSERT INTO orders (customer, placed, status, cents, note) VALUES (?, ?, ?, ?, ?)", row)
    connection.execute("UPDATE orders SET status = 'returned' WHERE id = ?", (rng.randrange(1, ROWS),))
    connection.execute("COMMIT")
    return time.perf_counter() - began


def customer_page(connection: sqlite3.Connection, rng: random.Random) -> None:
    """Read a customer's latest orders."""
    connection.execute(
        "SELECT placed, status, cents FROM orders WHERE customer = ? ORDER BY placed DESC LIMIT 20",
        (rng.randrange(CUSTOMERS),),
    ).fetchall()


def daily_report(connection: sqlite3.Connection, rng: random.Random) -> None:
    """Sum up what is open by customer, over a range of days."""
    since = rng.randrange(ROWS * 37 // 2)
    connection.execute(
        "SELECT customer, count(*), sum(cents) FROM orders WHERE status = 'open' AND placed > ? "
        "GROUP BY customer ORDER BY 3 DESC LIMIT 50",
        (since,),
    ).fetchall()


if __name__ == "__main__":
    main()
