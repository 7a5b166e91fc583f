"""A launcher in miniature, for a forked process that has torch imported: torchrun without its five seconds."""

RANKS = """
import os, signal, sys, time
from torch.distributed import TCPStore
store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # outlives each rank, as torchrun's does
os.environ |= {{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port), "WORLD_SIZE": "{count}"}}
os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "True"
workers = {{}}
for rank in range({count}):
    worker = os.fork()
    if worker == 0:
        os.environ |= {{"RANK": str(rank), "LOCAL_RANK": str(rank)}}
        break
    workers[worker] = rank
else:
    def tell(number, _=None):
        for process in workers:
            os.kill(process, number)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, tell)
    codes = {{}}
    while workers:
        process, status = os.wait()
        codes[workers.pop(process)] = os.waitstatus_to_exitcode(status)
        if workers and any(codes.values()):
            time.sleep(0.5)
            tell(signal.SIGTERM)
    print("codes:", [codes[rank] for rank in range({count})], flush=True)
    os._exit(max(map(abs, codes.values())))
"""
"""Code to run before `pgan`: becomes `count` processes with ranks, of which the first that fails ends the others."""


def ranks(count: int) -> str:
    """The code for so many ranks."""
    return RANKS.format(count=count)


def on_rank(rank: int, code: str) -> str:
    """Code that only one rank runs, after `ranks`."""
    return f"\nif os.environ['RANK'] == '{rank}':\n    exec({code!r}, {{}})\n"
