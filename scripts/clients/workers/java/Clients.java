import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * One of Java's clients: reads jobs from stdin, a JSON object a line, and answers each with what the client said.
 *
 * <p>Clients CLIENT CERTIFICATE. Each job has an HttpClient of its own, so that its connection is fresh unless `warm` names
 * something to be asked first. HttpURLConnection has one pool for the whole process, and is started again for each job.
 */
class Clients {
    private static final Duration TIMEOUT = Duration.ofSeconds(4);

    public static void main(String[] arguments) throws Exception {
        SSLContext context = arguments[1].isEmpty() ? SSLContext.getDefault() : trusting(Path.of(arguments[1]));
        HttpsURLConnection.setDefaultSSLSocketFactory(context.getSocketFactory());
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String told;
            try {
                told = arguments[0].equals("HttpClient") ? byHttpClient(line, context) : byHttpUrlConnection(line);
            } catch (Exception error) {
                told = answer(0, "", error.toString());
            }
            System.out.println(told);
        }
        System.exit(0);
    }

    private static SSLContext trusting(Path certificate) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        try (InputStream pem = Files.newInputStream(certificate)) {
            store.setCertificateEntry("testbed", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    private static String byHttpClient(String job, SSLContext context) throws Exception {
        HttpClient client = HttpClient.newBuilder().sslContext(context).version(HttpClient.Version.HTTP_1_1).build();
        if (!field(job, "warm").isEmpty()) {
            HttpRequest warm = HttpRequest.newBuilder(URI.create(field(job, "warm")))
                .method(field(job, "warm_method"), HttpRequest.BodyPublishers.noBody()).timeout(TIMEOUT).build();
            client.send(warm, HttpResponse.BodyHandlers.discarding());
            pause(job);
        }
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(field(job, "url"))).timeout(TIMEOUT);
        if (field(job, "method").equals("put")) {
            request.PUT(HttpRequest.BodyPublishers.ofFile(Path.of(field(job, "file"))));
        }
        HttpResponse<String> answer = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
        return answer(answer.statusCode(), answer.body(), "");
    }

    private static String byHttpUrlConnection(String job) throws Exception {
        if (!field(job, "warm").isEmpty()) {
            HttpURLConnection warm = open(field(job, "warm"));
            warm.setRequestMethod(field(job, "warm_method"));
            warm.getResponseCode();
            if (field(job, "warm_method").equals("GET")) {
                warm.getInputStream().readAllBytes();
            }
            pause(job);
        }
        HttpURLConnection connection = open(field(job, "url"));
        if (field(job, "method").equals("put")) {
            Path file = Path.of(field(job, "file"));
            connection.setRequestMethod("PUT");
            connection.setDoOutput(true);
            connection.setFixedLengthStreamingMode(Files.size(file));
            try (OutputStream body = connection.getOutputStream()) {
                Files.copy(file, body);
            }
        }
        int status = connection.getResponseCode();
        try (InputStream body = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            return answer(status, body == null ? "" : new String(body.readAllBytes(), StandardCharsets.UTF_8), "");
        } catch (IOException error) {
            return answer(status, "", error.toString());
        }
    }

    private static HttpURLConnection open(String url) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
        connection.setConnectTimeout((int) TIMEOUT.toMillis());
        connection.setReadTimeout((int) TIMEOUT.toMillis());
        return connection;
    }

    private static void pause(String job) throws InterruptedException {
        Matcher found = Pattern.compile("\"pause_s\": ([0-9.]+)").matcher(job);
        Thread.sleep(found.find() ? (long) (Double.parseDouble(found.group(1)) * 1000) : 0);
    }

    /** A job's fields are strings that need no escape. */
    private static String field(String job, String name) {
        Matcher found = Pattern.compile("\"" + name + "\": \"([^\"]*)\"").matcher(job);
        return found.find() ? found.group(1) : "";
    }

    private static String answer(int status, String body, String error) {
        String shown = status >= 300 ? body.substring(0, Math.min(body.length(), 2000)) : "";
        return "{\"status\": " + status + ", \"body\": " + quoted(shown) + ", \"error\": " + quoted(error) + "}";
    }

    private static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char letter : text.toCharArray()) {
            if (letter < ' ' || letter == '"' || letter == '\\' || letter > '~') {
                out.append(String.format("\\u%04x", (int) letter));
            } else {
                out.append(letter);
            }
        }
        return out.append('"').toString();
    }
}
