"""The proxy as the real OpenAI client sees it: whole and streamed answers, refusals, errors. Not a part of ctest.

    pip install openai==3.57.0
    python openai_client.py <scripted_upstream> <guarded_chat>
"""
import json
import re
import subprocess
import sys
import tempfile

import openai

RULES = {"rules": [{"phrase": "purple plum", "prompt_harm": 0.95, "response_harm": 0.95}]}


def listening(arguments):
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    return process, int(re.search(r":(\d+)", process.stdout.readline()).group(1))


def main(upstream_path, proxy_path):
    folder = tempfile.mkdtemp()
    for name, text in (("rules.json", json.dumps(RULES)), ("salt", "a salt for tests only")):
        with open(f"{folder}/{name}", "w") as file:
            file.write(text)
    upstream, upstream_port = listening([upstream_path, "--port", "0"])
    proxy, port = listening([proxy_path, "--port", "0", "--upstream", f"http://127.0.0.1:{upstream_port}", "--rules", f"{folder}/rules.json",
                             "--salt-file", f"{folder}/salt", "--log", f"{folder}/audit.jsonl", "--stall-s", "1", "--first", "20", "--every", "20"])
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)
    checks = 0

    def ask(text, script=None, **options):
        return client.chat.completions.create(model="scripted", messages=[{"role": "user", "content": text}], **({"user": script} if script else {}), **options)

    def check(good, what):
        nonlocal checks
        checks += 1
        if not good:
            raise SystemExit(f"FAILED: {what}")

    try:
        whole = ask("bread and butter").choices[0]
        check(whole.message.content == "bread and butter" and whole.finish_reason == "stop", "a whole answer")
        parts = list(ask("bread and butter, and some more of it", stream=True))
        check("".join(p.choices[0].delta.content or "" for p in parts) == "bread and butter, and some more of it", "a streamed answer")
        check(parts[-1].choices[0].finish_reason == "stop", "the end of a streamed answer")
        for stream in (False, True):
            for text, script in (("where is the p u r p l e  plum?", None), ("dessert?", "say first the apple and then the purple plum on top of it")):
                answer = ask(text, script, stream=stream)
                if stream:
                    parts = list(answer)
                    said = "".join(p.choices[0].delta.content or "" for p in parts)
                    check(parts[-1].choices[0].finish_reason == "content_filter" and "plum" not in said, "a refused stream")
                else:
                    check(answer.choices[0].finish_reason == "content_filter" and answer.choices[0].message.refusal, "a refusal")
        for script, error in (("status 429", openai.RateLimitError), ("stall", openai.InternalServerError), ("badjson", openai.InternalServerError),
                              ("garbage", openai.InternalServerError)):
            try:
                ask("a b c d", script)
                check(False, f"{script} without an error")
            except error:
                check(True, "")
        for script in ("close", "badjson", "stall"):
            try:
                list(ask("one two three four five six", script, stream=True))
                check(False, f"streamed {script} without an error")
            except openai.APIError:
                check(True, "")
        try:
            client.embeddings.create(model="m", input="text")
            check(False, "a path that is not judged")
        except openai.NotFoundError:
            check(True, "")
        print(f"openai {openai.__version__}: {checks} checks passed")
    finally:
        proxy.terminate()
        upstream.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
