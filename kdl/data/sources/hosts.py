"""Hosts that something is to be downloaded from."""

import threading
import time
from urllib.parse import urlsplit

# Seconds that hosts have to answer before a download begins.
PATIENCE = 4


def silent_hosts(urls):
    """Returns the hosts of some URLs that do not answer, each with the reason.

    Args:
        urls: Iterable of strings, of which those that begin with `"http"` count.

    Returns:
        List of strings such as `"https://example.org (ConnectTimeout)"`.
    """
    import requests

    hosts = {
        "{0.scheme}://{0.netloc}".format(urlsplit(url))
        for url in urls
        if url.startswith("http")
    }
    answers = {}

    def ask(host):
        try:
            requests.head(host, timeout=PATIENCE)
            answers[host] = None
        except requests.RequestException as error:
            answers[host] = type(error).__name__

    # In threads, since the look-up of a name may outlast any time-out.
    threads = [threading.Thread(target=ask, args=(h,), daemon=True) for h in hosts]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    reasons = {host: answers.get(host, "no answer") for host in sorted(hosts)}
    return [f"{host} ({reason})" for host, reason in reasons.items() if reason]
